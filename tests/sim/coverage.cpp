// SPDX-License-Identifier: Apache-2.0
#include "coverage.hpp"

#include <cstdio>

namespace srpi::sim {
namespace {

using session::Action;
using session::Event;
using session::State;

// Rows that exist only to make the table complete. The driver does not raise these events in these states.
bool never_raised(const session::Transition& row) {
  // A tear-down ends before another call is possible; observers may not call.
  if (row.state == State::disconnecting) return row.event != Event::drained;
  // The API refuses both calls.
  if (row.state == State::erased &&
      (row.event == Event::disconnect_requested || row.event == Event::reconnect_requested))
    return true;
  // dev_loss is not shorter than fast_io_fail, and fast_io_fail is checked first.
  if (row.state == State::recovering && row.event == Event::dev_loss_expired) return true;
  // Timers that nothing waits for are stopped.
  const bool timer = row.event == Event::retry_due || row.event == Event::fast_io_fail_expired ||
                     row.event == Event::dev_loss_expired;
  return timer && row.action == Action::ignore;
}

}  // namespace

std::size_t print_missing(const FaultCounts& faults, const RowCounts& rows,
                          const session::ChannelHistory& channels) {
  std::size_t missing = 0;
  for (std::size_t i = 0; i < kFaults; ++i)
    if (faults.of(static_cast<Fault>(i)) == 0) {
      std::printf("coverage: fault %s never fired\n", to_string(static_cast<Fault>(i)));
      ++missing;
    }
  for (const auto& row : session::transitions()) {
    if (row.action == Action::impossible || never_raised(row)) continue;
    if (rows[static_cast<std::size_t>(&row - session::transitions().data())] > 0) continue;
    std::printf("coverage: never %s in state %s\n", session::to_string(row.event),
                session::to_string(row.state));
    ++missing;
  }
  for (const auto& [what, n] : {std::pair{"a further channel joined", channels.joins},
                                {"a channel was lost while others lived", channels.losses},
                                {"a lost channel's writes were repeated", channels.repeated}}) {
    if (n > 0) continue;
    std::printf("coverage: never %s\n", what);
    ++missing;
  }
  return missing;
}

}  // namespace srpi::sim
