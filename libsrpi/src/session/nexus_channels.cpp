// SPDX-License-Identifier: Apache-2.0
// Several channels. The first login is SINGLE; the others join it by MULTI logins, one at a time, while I/O
// goes on. While one lives the session is live.
//
// What becomes of a lost channel's commands: those that never left, and those that cannot change the medium,
// go to the others at once, for nothing can reach their buffers any more. Those that may have changed it are
// in doubt: a write that is not completed may be applied late, a completed or repeated one may not. So they
// wait until LOGICAL UNIT RESET has ended what the lost channel may have left, then they are sent again. That
// reset goes over the others, which keep no order with the lost one: it waits as long as the transport tries,
// for by then whatever was still on its way has arrived.
#include <algorithm>

#include "base/no_memory.hpp"
#include "session/nexus.hpp"
#include "wire/lun.hpp"

namespace srpi::session {

void Nexus::go_live(Link& link) noexcept {
  ++cache_epoch_;
  link.live = true;
  link.unasked = proving_;
  link.ended_by_target = false;
  link.queued = 0;
  link.told = false;
  live_.insert(std::ranges::find_if(live_, [&](const Link* l) { return l->number > link.number; }), &link);
  only_ = live_.size() == 1 ? &live_.front()->channel : nullptr;
}

void Nexus::leave(Link& link) noexcept {
  link.live = link.unasked = false;
  std::erase(live_, &link);
  only_ = live_.size() == 1 ? &live_.front()->channel : nullptr;
}

Channel& Nexus::least_loaded() noexcept {
  auto* best = live_.front();
  for (auto* link : live_)
    if (link->channel.outstanding() + link->queued < best->channel.outstanding() + best->queued) best = link;
  ++best->queued;
  return best->channel;
}

// Of the session, or of those of its channels that have failed while others live.
std::size_t Nexus::take_losses() {
  const auto failed = [](const Link* l) { return l->channel.failure().has_value(); };
  if (std::ranges::none_of(live_, failed) && !fence_failure_) return 0;
  // A failed completion says less than the connection manager may.
  for (auto* link : live_)
    if (failed(link)) take_connection_event(*link);
  // A login of our port id elsewhere ends all channels, and a channel that joined now would join that one.
  const auto evicted = [](const Link* l) {
    return l->channel.logged_out() == wire::LogoutReason::multichannel_action;
  };
  const bool by_login = std::ranges::any_of(live_, evicted);
  if (!fence_failure_ && !by_login && !std::ranges::all_of(live_, failed)) {
    for (const auto& link : links_)
      if (link->live && failed(link.get())) lose_channel(*link);
    return 1;
  }
  const bool by_target = by_login || std::ranges::any_of(live_, &Link::ended_by_target);
  const auto first = std::ranges::find_if(live_, failed);
  const auto cause = base::copy_of(first != live_.end() ? *(*first)->channel.failure() : *fence_failure_);
  fence_failure_.reset();
  if (by_target && contest_.on_ended_by_target(clock_.now())) {
    dispatch(Event::ended_for_good, eviction());
  } else {
    if (!by_target) contest_.reset();
    dispatch(Event::connection_lost, cause);
  }
  return 1;
}

void Nexus::lose_channel(Link& link) {
  channel_error_ = base::copy_of(*link.channel.failure());
  ++channel_history_.losses;
  ++fds_version_;
  leave(link);
  if (proof_link_ == &link) {
    end_proof();
    proving_ = true;  // over the others
    proof_deadline_ = clock_.now() + options_.connect_timeout;
  }
  fence_outdated_ = true;  // one that runs may end with this: it is not about what is left here
  auto lost = end_channel(link.channel, Aftermath::others_live, options_.fence, clock_.now(), unfenced_);
  if (options_.fence && !unfenced_.empty()) fence_at_ = clock_.now() + options_.transport_tries_for();
  // Those of a unit that is away do not wait for its return: its mark does.
  while (auto* c = lost.in_doubt.pop_front())
    if (!withholding_ || !turn_away(*c)) doubtful_.push_back(*c);
  while (auto* c = lost.kept.pop_front()) submit(*c);
  // Not at once, as a session does it: if the others are lost in the same moment, their loss is to come
  // first.
  link.delay = {};
  link.next_try = options_.reconnect_delay ? clock_.now() + next_delay(link.delay) : base::kNever;
  observer_.on_channels(channels_live(), channel_error_);
}

void Nexus::try_channels_now() noexcept {
  joins_refused_ = false;
  for (const auto& link : links_) {
    link->next_try = clock_.now();
    link->delay = {};
    link->told = false;
  }
}

base::Time Nexus::next_join() const noexcept {
  if (live_.size() == links_.size()) return base::kNever;
  if (join_) return join_->deadline();
  auto next = base::kNever;
  if (proving_ || joins_refused_) return next;
  for (const auto& link : links_)
    if (!link->live) next = std::min(next, link->next_try);
  return next;
}

std::size_t Nexus::poll_join() {
  std::size_t work = 0;
  if (!join_) {
    if (next_join() > clock_.now()) return 0;
    joining_ = std::ranges::find_if(links_, [&](const auto& l) {
                 return !l->live && l->next_try <= clock_.now();
               })->get();
    join_.emplace(fabric_, identity_, options_, joining_->channel, memories_, probe_, unfenced_, clock_,
                  options_.connect_timeout, wire::MultiChannel::independent);
    ++fds_version_;
  }
  std::optional<AttemptOutcome> outcome;
  try {
    outcome = join_->poll(work);
  } catch (const std::bad_alloc&) {
    outcome = AttemptOutcome{{Errc::no_memory, {}}};
  }
  if (work > 0) ++fds_version_;
  if (!outcome) return work;
  end_join(std::move(*outcome));
  return work + 1;
}

void Nexus::end_join(AttemptOutcome outcome) {
  auto& link = *std::exchange(joining_, nullptr);
  join_.reset();
  ++fds_version_;
  auto& [error, refused, ended_by_target, about_units] = outcome;
  if (error.code == Errc::ok && link.channel.usable_segments() < usable_segments_) {
    refused = true;  // commands are as long as the first channel permits
    error = {Errc::login_rejected, base::words([] {
               return "the target grants this channel shorter requests than the session's first one";
             })};
  }
  if (error.code == Errc::ok) {
    go_live(link);
    ++channel_history_.joins;
    if (live_.size() == links_.size()) channel_error_ = {};
    observer_.on_channels(channels_live(), {});
    observer_.on_units_proved();
    return;
  }
  fail_channel(link.channel, clock_.now(), unfenced_);
  channel_error_ = base::copy_of(error);
  if (refused)
    joins_refused_ = true;
  else
    link.next_try = options_.reconnect_delay ? clock_.now() + next_delay(link.delay) : base::kNever;
  if (refused || !std::exchange(link.told, true)) observer_.on_channels(channels_live(), error);
  // Another unit answers there, or one that was not away refuses to: what about the other channels?
  if (about_units) prove_again();
}

// For something that must come first; tried again after it.
void Nexus::drop_join() noexcept {
  if (!join_) return;
  auto& link = *std::exchange(joining_, nullptr);
  join_.reset();
  fail_channel(link.channel, clock_.now(), unfenced_);
  link.next_try = clock_.now();
  ++fds_version_;
}

bool Nexus::fence_is_due() const noexcept {
  return options_.fence && !fencing_ && !unfenced_.empty() && next_to_fence(unfenced_.units, probe_);
}

void Nexus::poll_fence() {
  if (!fence_is_due() || clock_.now() < fence_at_) return;
  fencing_ = true;
  fence_outdated_ = false;
  fence_ = {};
  fence_.function = wire::TaskFunction::lun_reset;
  fence_.lun = *next_to_fence(unfenced_.units, probe_);
  fence_.deadline = clock_.now() + options_.task_management_timeout;
  fence_.owner = this;
  fence_.on_complete = &Nexus::on_fence;
  resets_.submit_anew(fence_);
}

// A reset that still runs knows nothing of what is left unanswered when the session ends: the marks stay, and
// the next login fences.
void Nexus::end_fence() noexcept {
  if (std::exchange(fencing_, false)) resets_.withdraw(fence_);
  fence_failure_.reset();
}

void Nexus::on_fence(Tmf& task) noexcept {
  auto& self = *static_cast<Nexus*>(task.owner);
  self.fencing_ = false;
  if (task.error == Errc::no_connect || self.fence_outdated_) return;  // the mark stays
  if (!task.confirmed()) {
    const auto& channel = self.live_.front()->channel;
    if (task.error == Errc::timed_out &&
        channel.last_answer() > task.deadline - self.options_.task_management_timeout)
      self.on_stuck_unit(task.lun, channel);
    const auto* const what = task.error == Errc::ok ? to_string(task.result) : "not answered";
    self.fence_failure_ = {task.error == Errc::ok ? Errc::target_error : Errc::timed_out, base::words([&] {
                             return "LUN " + wire::lun_to_string(task.lun) +
                                    ": LOGICAL UNIT RESET, which has to end writes that a lost channel left "
                                    "unanswered, was " +
                                    what;
                           })};
    return;
  }
  self.unfenced_.units.remove(task.lun);
  self.readmit(task.lun);
  self.release_doubtful(task.lun);
}

void Nexus::release_doubtful(std::uint64_t lun) noexcept {
  const auto now = clock_.now();
  CommandList all;
  std::swap(all, doubtful_);
  while (auto* c = all.pop_front()) {
    if (c->lun != lun)
      doubtful_.push_back(*c);
    else if (c->internal.deadline <= now)
      reject(*c, c->internal.end_error);
    else
      ++channel_history_.repeated, submit(*c);
  }
}

// The session is lost: its next login fences.
void Nexus::end_doubtful(CommandList* kept) noexcept {
  const auto now = clock_.now();
  CommandList all;
  std::swap(all, doubtful_);
  while (auto* c = all.pop_front()) {
    const bool late = c->internal.deadline <= now;
    if (kept && !late) {
      kept->push_back(*c);
      continue;
    }
    c->error = late ? c->internal.end_error : Errc::no_connect;
    c->on_complete(*c);
  }
}

}  // namespace srpi::session
