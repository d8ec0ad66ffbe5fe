// SPDX-License-Identifier: Apache-2.0
// Proving the units again while the session is live: a target has said that something about them has changed,
// and until it is known what, nothing may be sent to them. Where each channel is a session to the target, as
// to Linux', each has a unit attention of its own: those are taken first over the other channels, so that not
// every one of them asks for another proof.
#include <fmt/format.h>

#include <algorithm>

#include "base/no_memory.hpp"
#include "session/nexus.hpp"

namespace srpi::session {
namespace {

constexpr base::Duration kProofDelay = std::chrono::milliseconds(50);

// What passes by itself, as I/O waits for it, too: a unit that has just been reset is often not ready yet.
bool passes(Errc error) noexcept { return error == Errc::busy || error == Errc::not_ready; }

}  // namespace

void Nexus::on_unit_event(std::uint64_t lun, scsi::Event event) noexcept {
  observer_.on_unit_event(lun, event);
  if (asks_for_proof(event)) doubt_units();
}

void Nexus::doubt_units() noexcept {
  ++cache_epoch_;
  prove_again();
}

// It begins with the next look at it: this may be called while completions are being taken.
void Nexus::prove_again() noexcept {
  if (state_ != State::live) return;  // an attempt proves anyway
  if (proving_) {
    proof_outdated_ = true;
    return;
  }
  proving_ = true;
  proof_outdated_ = false;
  held_since_ = clock_.now();
  proof_deadline_ = held_since_ + options_.connect_timeout;
  CommandList unsent;
  for (auto* link : live_) {
    link->unasked = true;
    link->channel.take_unsent(unsent);
  }
  while (auto* c = unsent.pop_front()) hold(*c);
}

void Nexus::end_proof() noexcept {
  proving_ = false;
  prove_at_ = {};
  if (std::exchange(proof_link_, nullptr)) probe_.reset();
}

void Nexus::poll_proof(base::Time now) {
  if (now >= next_give_up_) fail_held_overdue(now);
  while (proving_) {
    if (!proof_link_ && (now < prove_at_ || !start_proof())) return;
    const auto outcome = probe_.outcome();  // without the memory for it: the same again at the next poll
    if (!outcome && now < proof_deadline_) return;
    auto& link = *proof_link_;
    end_proof();
    if (!outcome) {
      link.channel.fail({Errc::timed_out, base::words([&] {
                           return fmt::format("the units could not be proved again within {} ms",
                                              options_.connect_timeout.count());
                         })});
    } else if (outcome->has_error()) {
      auto error = base::error_of(*outcome);
      if (is_final(error.code)) return dispatch(Event::ended_for_good, error);
      // A reset of the unit has ended the question: it is asked again.
      const bool again = error.code == Errc::aborted_command && now < proof_deadline_;
      const bool later = passes(error.code) && now + kProofDelay < proof_deadline_;
      if (later)
        prove_at_ = now + kProofDelay;
      else if (!again)
        link.channel.fail(std::move(error));
    } else if (proof_is_last_ && !std::exchange(proof_outdated_, false)) {
      note_away();
      observer_.on_units_proved();
      return release_held(Errc::timed_out);
    } else if (proof_is_last_) {
      for (auto* l : live_) l->unasked = true;
    } else {
      link.unasked = false;
    }
    proving_ = true;
    if (link.channel.failure()) {
      // Over the next one, once this one is closed: it may still have a command of the probe's.
      proof_deadline_ = now + options_.connect_timeout;
      return;
    }
  }
}

// False: those channels that are left are about to be lost.
bool Nexus::start_proof() {
  const auto usable = [](const Link* l) { return l->channel.is_up(); };
  const auto unasked = [&](const Link* l) { return l->unasked && usable(l); };
  const auto next = std::ranges::find_if(live_, unasked);
  proof_is_last_ = std::ranges::count_if(live_, unasked) <= 1;
  const auto link = next != live_.end() ? next : std::ranges::find_if(live_, usable);
  if (link == live_.end()) return false;
  drop_join();  // there is one probe
  proof_link_ = *link;
  if (proof_is_last_)
    probe_.start(proof_link_->channel);
  else
    probe_.take_attentions(proof_link_->channel);
  return true;
}

}  // namespace srpi::session
