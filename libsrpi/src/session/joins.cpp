// SPDX-License-Identifier: Apache-2.0
#include "session/joins.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/make_error.hpp"
#include "session/fate.hpp"

namespace srpi::session {

Joins::Joins(const LoginContext& context, ChannelSet& channels) noexcept
    : context_(context), channels_(channels) {}

void Joins::try_now(base::Time now) noexcept {
  if (state_ == State::refused) state_ = State::idle;
  for (const auto& link : channels_.all()) {
    link->next_try = now;
    link->delay.reset();
    link->failure_told = false;
  }
}

base::Time Joins::next(bool proving) const noexcept {
  if (channels_.is_complete()) return base::kNever;
  if (state_ == State::logging_in) return attempt_->next();
  auto next = base::kNever;
  if (proving || state_ == State::refused) return next;
  for (const auto& link : channels_.all())
    if (!link->is_live()) next = std::min(next, link->next_try);
  return next;
}

void Joins::start(base::Time now) {
  const auto due = [now](const auto& l) { return !l->is_live() && l->next_try <= now; };
  link_ = std::ranges::find_if(channels_.all(), due)->get();
  state_ = State::logging_in;
  ++changes_;
  attempt_.emplace(context_, link_->channel, context_.options.connect_timeout,
                   wire::MultiChannel::independent);
}

std::optional<Joins::Outcome> Joins::poll(base::Time now, bool proving, std::size_t& work) {
  if (state_ != State::logging_in) {
    if (now < next(proving)) return std::nullopt;
    start(now);
  }
  std::optional<AttemptOutcome> outcome;
  try {
    outcome = attempt_->poll(work);
  } catch (const std::bad_alloc&) {
    outcome = AttemptOutcome{{Errc::no_memory, {}}};
  }
  changes_ += work > 0;
  if (!outcome) return std::nullopt;
  ++work;
  return end(std::move(*outcome), now);
}

Joins::Outcome Joins::end(AttemptOutcome outcome, base::Time now) {
  auto& link = *std::exchange(link_, nullptr);
  attempt_.reset();
  state_ = State::idle;
  ++changes_;
  if (outcome.error.code == Errc::ok && link.channel.usable_segments() < channels_.usable_segments()) {
    outcome.is_final = true;
    outcome.error = base::make_error(
        Errc::login_rejected, "the target grants this channel shorter requests than the session's first one");
  }
  if (outcome.error.code == Errc::ok) {
    channels_.go_live(link);
    ++channels_.history.joins;
    return {};
  }
  close(link.channel, context_.marks, now);
  channels_.set_error(outcome.error);
  if (outcome.is_final)
    state_ = State::refused;
  else
    link.next_try = link.delay.next(now);
  const bool untold = outcome.is_final || !std::exchange(link.failure_told, true);
  return {std::move(outcome.error), untold, outcome.doubt};
}

void Joins::drop(base::Time now) noexcept {
  if (state_ != State::logging_in) return;
  auto& link = *std::exchange(link_, nullptr);
  attempt_.reset();
  state_ = State::idle;
  ++changes_;
  close(link.channel, context_.marks, now);
  link.next_try = now;
}

void Joins::append_fds(std::vector<int>& fds) const {
  if (attempt_) attempt_->append_fds(fds);
}

}  // namespace srpi::session
