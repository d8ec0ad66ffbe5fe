// SPDX-License-Identifier: Apache-2.0
// Where commands go, where they wait, and what becomes of them when a channel ends.
#include "session/nexus.hpp"

namespace srpi::session {

void Nexus::submit(Command& command) noexcept {
  switch (state_) {
    case State::live:
      if (proof_.is_active()) return held_.hold(command);
      if (units_.any_withheld() && units_.turn_away(command, clock_.now())) return ended_.add(command);
      return channels_.submit(command);
    case State::recovering: return held_.hold(command);
    default: return ended_.add(command, Errc::no_connect);
  }
}

void Nexus::submit(Tmf& task) noexcept {
  if (state_ == State::live) return channels_.resets().submit(task);
  ended_.add(task, Errc::no_connect);
}

void Nexus::abort_unit(std::uint64_t lun) noexcept {
  ended_.add(held_.take_unit(lun), Errc::cancelled);
  late_fence_.cancel(lun, clock_.now());
  channels_.abort_unit(lun);
}

// The units are proved and fenced, so an earlier copy of a command cannot be applied any more.
void Nexus::release_held(Errc if_too_late) noexcept {
  auto released = held_.release(clock_.now(), channels_.usable_segments());
  ended_.add(std::move(released.too_late), if_too_late);
  while (auto* c = released.going.pop_front()) submit(*c);
}

void Nexus::end_channel(Link& link, Aftermath aftermath, Fates& fates) noexcept {
  channels_.leave(link);
  auto left = link.channel.end();
  fates.sort(std::move(left.sent), Sent::yes, aftermath, marks_);
  fates.sort(std::move(left.unsent), Sent::no, aftermath, marks_);
}

// Ends all channels.
void Nexus::end_channels(Aftermath aftermath) noexcept {
  const auto from = clock_.now();
  joins_.drop(from);
  if (!channels_.any_open()) return;
  proof_.end();
  rescan_.end();
  auto in_doubt = late_fence_.end();
  Fates fates{.fence = options_.fence, .now = from};
  for (const auto& link : channels_.all()) end_channel(*link, aftermath, fates);
  fates.sort(std::move(in_doubt), Sent::yes, aftermath, marks_);
  channels_.resets().end_all();
  held_.hold(std::move(fates.hold));
  fates.complete_ended(channels_.first().channel);
  record_.last_disconnect = clock_.now() - from;
  ++record_.fds_version;
}

// Ends one channel while others live.
void Nexus::lose_channel(Link& link) {
  const auto now = clock_.now();
  channels_.set_error(*link.channel.failure());
  ++channels_.history.losses;
  ++record_.fds_version;
  proof_.on_channel_lost(link, now);
  rescan_.on_channel_lost(link);
  late_fence_.on_channel_lost(now);
  Fates fates{.fence = options_.fence, .now = now};
  end_channel(link, Aftermath::another_channel, fates);
  while (auto* c = fates.in_doubt.pop_front()) {
    // Commands of a unit that is away do not wait for its return. Its mark stays.
    if (units_.turn_away(*c, now))
      ended_.add(*c);
    else
      late_fence_.keep(*c);
  }
  while (auto* c = fates.resend.pop_front()) submit(*c);
  fates.complete_ended(link.channel);
  joins_.on_lost(link, now);
  observer_.on_channels(static_cast<std::uint32_t>(channels_.live().size()), channels_.error());
}

// Returns an error if the session must be lost.
std::optional<Error> Nexus::on_fence_result(LateFence::Result result) noexcept {
  if (result.error.code != Errc::ok) {
    const auto& channel = channels_.live().front()->channel;
    if (result.error.code == Errc::timed_out && channel.last_answer() > result.asked_at)
      on_stuck_unit(result.lun, channel);
    return std::move(result.error);
  }
  marks_.clear(result.lun);
  units_.on_fenced(result.lun);
  const auto now = clock_.now();
  auto commands = late_fence_.take_unit(result.lun);
  while (auto* c = commands.pop_front()) {
    if (c->internal.deadline <= now) {
      ended_.add(*c, c->internal.end_error);
    } else {
      ++channels_.history.repeated;
      submit(*c);
    }
  }
  return std::nullopt;
}

void Nexus::on_unit_event(std::uint64_t lun, scsi::Event event) noexcept {
  observer_.on_unit_event(lun, event);
  if (asks_for_proof(event)) doubt_units();
}

void Nexus::doubt_units() noexcept {
  ++record_.cache_epoch;
  prove_again();
}

void Nexus::on_stuck_unit(std::uint64_t lun, const Channel& channel) noexcept {
  if (channel.most_aside() == 0) return;
  units_.on_silence(lun);
  if (channels_.live().size() > 1)
    prove_again();  // so that no more commands go to this unit over the other channels
}

void Nexus::prove_again() noexcept {
  const auto now = clock_.now();
  if (state_ != State::live || !proof_.begin(now)) return;  // the next attempt proves the units
  held_.begin(now);
  CommandList unsent;
  channels_.take_unsent(unsent);
  held_.hold(std::move(unsent));
}

// Called after each proof but the first login's: its cause may be that the target has other units.
void Nexus::want_search() noexcept {
  if (options_.luns.empty()) rescan_.want();
}

// Called while live, before held I/O is released.
void Nexus::on_proved(std::span<const ProvedUnit> proved) noexcept {
  const auto now = clock_.now();
  record_.cache_epoch += units_.update(proved, marks_, now);
  auto withheld = late_fence_.take_withheld(units_, now);
  while (auto* c = withheld.pop_front()) ended_.add(*c);
  if (units_.ask_stuck(channels_, now, StuckResets::Why::time) == AwayUnits::Next::prove) prove_again();
}

}  // namespace srpi::session
