// SPDX-License-Identifier: Apache-2.0
// Where commands wait when they cannot go to the target, and what becomes of them there.
#include <algorithm>

#include "session/nexus.hpp"

namespace srpi::session {

void Nexus::submit(Command& command) noexcept {
  switch (state_) {
    case State::live:
      if (proving_) return hold(command);
      if (withholding_ && turn_away(command)) return;
      return (only_ ? *only_ : least_loaded()).submit(command);
    case State::recovering:
      return hold(command);
    default:
      return reject(command, Errc::no_connect);
  }
}

void Nexus::submit(Tmf& task) noexcept {
  if (state_ == State::live) return resets_.submit(task);
  rejected_tasks_.push_back(task);
}

void Nexus::abort_unit(std::uint64_t lun) noexcept {
  CommandList others;
  while (auto* c = held_.pop_front()) {
    if (c->lun == lun)
      reject(*c, Errc::cancelled);
    else
      others.push_back(*c);
  }
  held_ = others;
  // These complete when their unit is fenced, for a completed write may not come late.
  for (auto* c = doubtful_.front(); c; c = c->internal.next) {
    if (c->lun != lun) continue;
    c->internal.deadline = std::min(c->internal.deadline, clock_.now());
    c->internal.end_error = Errc::cancelled;
  }
  for (auto* link : live_) link->channel.abort_unit(lun);
}

void Nexus::reject(Command& command, Errc error) noexcept {
  command.error = error;
  rejected_.push_back(command);
}

std::size_t Nexus::complete_rejected() noexcept {
  // Completions may submit anew: those wait for the next call, or a caller that always retries would hold us
  // for ever.
  CommandList now;
  std::swap(now, rejected_);
  std::size_t n = 0;
  while (auto* c = now.pop_front()) {
    ++n;
    c->on_complete(*c);
  }
  TmfList tasks;
  std::swap(tasks, rejected_tasks_);
  while (auto* t = tasks.pop_front()) {
    t->error = Errc::no_connect;
    ++n;
    t->on_complete(*t);
  }
  return n;
}

void Nexus::hold(Command& command) noexcept {
  next_give_up_ = std::min(next_give_up_, command.give_up_at);
  held_.push_back(command);
}

// The units are proved and fenced: what is sent now cannot meet an earlier copy of itself.
void Nexus::release_held(Errc if_too_late) noexcept {
  const auto now = clock_.now();
  CommandList going;
  std::swap(going, held_);
  next_give_up_ = base::kNever;
  while (auto* c = going.pop_front()) {
    // Too late; or this login has left too little room for its descriptors.
    if (c->give_up_at <= now || c->data.size() > usable_segments_) {
      reject(*c, if_too_late);
      continue;
    }
    if (c->deadline != base::kNever) c->deadline = std::min(c->deadline + (now - held_since_), c->give_up_at);
    for (auto& s : c->data) {
      if (!s.memory) continue;
      s.lkey = s.memory->lkey();
      s.rkey = s.memory->rkey();
    }
    submit(*c);
  }
}

void Nexus::fail_held_overdue(base::Time now) noexcept {
  CommandList all;
  std::swap(all, held_);
  next_give_up_ = base::kNever;
  while (auto* c = all.pop_front()) {
    if (c->give_up_at <= now)
      reject(*c, state_ == State::live ? Errc::timed_out : Errc::no_connect);
    else
      hold(*c);
  }
}

void Nexus::fail_held() noexcept {
  next_give_up_ = base::kNever;
  while (auto* c = held_.pop_front()) reject(*c, Errc::no_connect);
}

}  // namespace srpi::session
