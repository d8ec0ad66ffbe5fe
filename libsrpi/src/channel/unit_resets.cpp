// SPDX-License-Identifier: Apache-2.0
#include "channel/unit_resets.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/make_error.hpp"
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
  remove(askers_, tmf);
  remove(waiting_, tmf);
}

void UnitResets::start_next() noexcept {
  if (running_ || completing_ || waiting_.empty()) return;
  start(*waiting_.pop_front());
}

void UnitResets::start(Tmf& tmf) noexcept {
  running_ = true;
  lun_ = tmf.lun;
  askers_.push_back(tmf);
  auto same = waiting_.take_if([this](const Tmf& t) { return t.lun == lun_; });
  askers_.append(same);
  deadline_ = channel::next_deadline(askers_);

  // Block it on channels without a login, too: a channel that logs in meanwhile must not send commands before
  // the reset.
  for (auto& part : parts()) part.channel->block(lun_);
  for (auto& part : parts()) {
    part.state = part.channel->is_up() ? Part::State::asked : Part::State::left_out;
    if (part.state != Part::State::asked) continue;
    part.tmf.function = wire::TaskFunction::lun_reset;
    part.tmf.lun = lun_;
    part.tmf.deadline = base::kNever;  // deadline_ is used instead
    part.channel->submit(part.tmf);
  }
}

void UnitResets::on_part(Tmf& tmf) noexcept {
  auto& part = *static_cast<Part*>(tmf.owner);
  part.state = Part::State::over;
  part.resets->finish_if_answered();
}

void UnitResets::finish_if_answered() noexcept {
  if (running_ && std::ranges::none_of(parts(), &Part::is_open)) finish();
}

// The answers of the live channels decide. If some channels have confirmed the reset, a channel that has not
// is ended, because it cannot know which of its commands are over.
void UnitResets::finish() noexcept {
  const auto counts = [](const Part& p) {
    return p.state == Part::State::over && p.tmf.error != Errc::no_connect;
  };
  const bool any =
      std::ranges::any_of(parts(), [&](const Part& p) { return counts(p) && p.tmf.confirmed(); });
  Errc error = any ? Errc::ok : Errc::no_connect;
  auto result = wire::TaskResult::complete;
  for (auto& part : parts()) {
    if (!counts(part) || part.tmf.confirmed()) continue;
    if (any) {
      const auto* const what = part.tmf.error == Errc::ok ? to_string(part.tmf.result) : "not answered";
      part.channel->fail(base::make_error(
          Errc::timed_out, "LOGICAL UNIT RESET, which other channels of the session have confirmed, was {}",
          what));
    } else {
      error = part.tmf.error;
      result = part.tmf.result;
    }
  }
  running_ = false;
  for (auto& part : parts()) {
    part.state = Part::State::left_out;
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
    if (part.is_open()) part.channel->withdraw(part.tmf);
    part.state = Part::State::left_out;
  }
  if (running_) finish();
  complete(ended, Errc::no_connect, wire::TaskResult::complete);
}

void UnitResets::check_deadlines(base::Time now) noexcept {
  if (running_ && now >= deadline_) {
    for (auto& part : parts()) {
      if (!part.is_open()) continue;
      part.channel->withdraw(part.tmf);
      part.state = Part::State::over;
      part.tmf.error = Errc::timed_out;
    }
  }
  finish_if_answered();
  auto ended = waiting_.take_if([now](const Tmf& t) { return t.deadline <= now; });
  complete(ended, Errc::timed_out, wire::TaskResult::complete);
  start_next();
}

base::Time UnitResets::next_deadline() const noexcept {
  return std::min(running_ ? deadline_ : base::kNever, channel::next_deadline(waiting_));
}

}  // namespace srpi::channel
