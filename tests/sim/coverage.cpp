// SPDX-License-Identifier: Apache-2.0
#include "coverage.hpp"

#include <cstdio>

namespace srpi::sim {
namespace {

using session::Action;
using session::Event;
using session::State;

// Rows that are there so that every pair has an answer, though the driver raises no such event in that state.
bool never_raised(const session::Transition& row) {
  // A teardown ends before anybody can ask for something: observers may not.
  if (row.state == State::disconnecting) return row.event != Event::drained;
  // The API refuses both.
  if (row.state == State::erased &&
      (row.event == Event::disconnect_requested || row.event == Event::reconnect_requested))
    return true;
  // dev_loss is not shorter than fast_io_fail, which is looked at first.
  if (row.state == State::recovering && row.event == Event::dev_loss_expired) return true;
  // Timers are stopped where nothing waits for them.
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
