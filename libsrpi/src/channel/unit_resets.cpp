// SPDX-License-Identifier: Apache-2.0
#include "channel/unit_resets.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/no_memory.hpp"
#include "channel/channel.hpp"

namespace srpi::channel {

UnitResets::UnitResets() {
  for (auto& part : parts_) {
    part.resets = this;
    part.tmf.owner = &part;
    part.tmf.on_complete = &UnitResets::on_part;
  }
}

void UnitResets::add(Channel& channel) noexcept {
  SRPI_CHECK(channels_ < kMostChannels);
  parts_[channels_++].channel = &channel;
}

void UnitResets::submit(Tmf& tmf) noexcept {
  if (!running_ || tmf.lun != lun_) return submit_anew(tmf);
  tmf.error = Errc::ok;
  askers_.push_back(tmf);
  deadline_ = std::min(deadline_, tmf.deadline);
}

void UnitResets::submit_anew(Tmf& tmf) noexcept {
  tmf.error = Errc::ok;
  waiting_.push_back(tmf);
  start_next();
}

void UnitResets::withdraw(Tmf& tmf) noexcept {
  askers_.remove(tmf);
  waiting_.remove(tmf);
}

void UnitResets::start_next() noexcept {
  if (running_ || completing_ || waiting_.empty()) return;
  start(*waiting_.pop_front());
}

void UnitResets::start(Tmf& tmf) noexcept {
  running_ = true;
  lun_ = tmf.lun;
  deadline_ = tmf.deadline;
  askers_.push_back(tmf);
  TmfList others;  // the functions for other units
  while (auto* t = waiting_.pop_front()) (t->lun == lun_ ? askers_ : others).push_back(*t);
  waiting_ = others;
  for (const auto* t = askers_.front(); t; t = t->next) deadline_ = std::min(deadline_, t->deadline);

  // Block it on channels without a login, too: a channel that logs in meanwhile must not send commands before
  // the reset.
  for (auto& part : parts()) part.channel->block(lun_);
  for (auto& part : parts()) {
    part.taken = part.open = part.channel->is_up();
    if (!part.open) continue;
    part.tmf.function = wire::TaskFunction::lun_reset;
    part.tmf.lun = lun_;
    part.tmf.deadline = base::kNever;  // ours
    part.channel->submit(part.tmf);
  }
}

void UnitResets::on_part(Tmf& tmf) noexcept {
  auto& part = *static_cast<Part*>(tmf.owner);
  part.open = false;
  part.resets->finish_if_answered();
}

void UnitResets::finish_if_answered() noexcept {
  if (running_ && std::ranges::none_of(parts(), &Part::open)) finish();
}

// The answers of the live channels decide. If some channels have confirmed the reset, a channel that has not
// is ended, because it cannot know which of its commands are over.
void UnitResets::finish() noexcept {
  const auto counts = [](const Part& p) { return p.taken && p.tmf.error != Errc::no_connect; };
  const bool any =
      std::ranges::any_of(parts(), [&](const Part& p) { return counts(p) && p.tmf.confirmed(); });
  Errc error = any ? Errc::ok : Errc::no_connect;
  auto result = wire::TaskResult::complete;
  for (auto& part : parts()) {
    if (!counts(part) || part.tmf.confirmed()) continue;
    if (any) {
      const auto* const what = part.tmf.error == Errc::ok ? to_string(part.tmf.result) : "not answered";
      part.channel->fail({Errc::timed_out, base::words([&] {
                            return "LOGICAL UNIT RESET, which other channels of the session have confirmed, "
                                   "was " +
                                   std::string(what);
                          })});
    } else {
      error = part.tmf.error;
      result = part.tmf.result;
    }
  }
  running_ = false;
  for (auto& part : parts()) {
    part.taken = false;
    part.channel->unblock();
  }
  TmfList ended;
  std::swap(ended, askers_);
  complete(ended, error, result);
  start_next();
}

// Completions may submit again. Those functions are started later.
void UnitResets::complete(TmfList& ended, Errc error, wire::TaskResult result) noexcept {
  completing_ = true;
  while (auto* t = ended.pop_front()) {
    t->error = error;
    t->result = result;
    t->on_complete(*t);
  }
  completing_ = false;
}

void UnitResets::end_all() noexcept {
  TmfList ended;
  std::swap(ended, waiting_);
  for (auto& part : parts()) {
    if (part.open) part.channel->withdraw(part.tmf);
    part.open = part.taken = false;
  }
  if (running_) finish();
  complete(ended, Errc::no_connect, wire::TaskResult::complete);
}

void UnitResets::check_deadlines(base::Time now) noexcept {
  if (running_ && now >= deadline_) {
    for (auto& part : parts()) {
      if (!part.open) continue;
      part.channel->withdraw(part.tmf);
      part.open = false;
      part.tmf.error = Errc::timed_out;
    }
  }
  finish_if_answered();
  TmfList waiting, ended;
  std::swap(waiting, waiting_);
  while (auto* t = waiting.pop_front()) (t->deadline <= now ? ended : waiting_).push_back(*t);
  complete(ended, Errc::timed_out, wire::TaskResult::complete);
  start_next();
}

base::Time UnitResets::next_deadline() const noexcept {
  auto next = running_ ? deadline_ : base::kNever;
  for (const auto* t = waiting_.front(); t; t = t->next) next = std::min(next, t->deadline);
  return next;
}

}  // namespace srpi::channel
