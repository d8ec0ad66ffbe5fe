// SPDX-License-Identifier: Apache-2.0
// Proving the units again while the session is live: a target has said that something about them has changed,
// and until it is known what, nothing may be sent to them.
#include <fmt/format.h>

#include "base/no_memory.hpp"
#include "session/nexus.hpp"

namespace srpi::session {

void Nexus::on_unit_event(std::uint64_t lun, scsi::Event event) noexcept {
  observer_.on_unit_event(lun, event);
  if (asks_for_proof(event)) prove_again();
}

void Nexus::prove_again() noexcept {
  if (state_ != State::live) return;  // an attempt proves anyway
  if (proving_) {
    proof_outdated_ = true;
    return;
  }
  proving_ = true;
  held_since_ = clock_.now();
  proof_deadline_ = held_since_ + options_.connect_timeout;
  CommandList unsent;
  channel_.take_unsent(unsent);
  while (auto* c = unsent.pop_front()) hold(*c);
  probe_.start(channel_);
}

void Nexus::poll_proof(base::Time now) {
  if (now >= next_give_up_) fail_held_overdue(now);
  const auto outcome = probe_.outcome();
  if (outcome && !outcome->has_error() && !proof_outdated_) {
    probe_.reset();
    proving_ = false;
    observer_.on_units_proved();
    return release_held(Errc::timed_out);
  }
  if (now >= proof_deadline_)
    return channel_.fail({Errc::timed_out, base::words([&] {
                            return fmt::format("the units could not be proved again within {} ms",
                                               options_.connect_timeout.count());
                          })});
  if (!outcome) return;
  probe_.reset();
  if (!outcome->has_error()) {
    proof_outdated_ = false;
    return probe_.start(channel_);
  }
  if (!is_final(outcome->error().code)) return channel_.fail(base::copy_of(outcome->error()));
  dispatch(Event::ended_for_good, outcome->error());
}

}  // namespace srpi::session
