// SPDX-License-Identifier: Apache-2.0
#include "session/rescan.hpp"

#include <algorithm>
#include <utility>

namespace srpi::session {

Rescan::Rescan(const LoginContext& context, ChannelSet& channels, base::Random& random) noexcept
    : context_(context), channels_(channels), delay_(context.options, random) {}

void Rescan::want() noexcept { state_ = runs() ? State::outdated : State::due; }

void Rescan::stop() noexcept {
  context_.proof.search().cancel();
  link_ = nullptr;
  state_ = State::due;
}

void Rescan::on_channel_lost(const Link& link) noexcept {
  if (link_ == &link) stop();
}

void Rescan::end() noexcept {
  if (runs()) stop();
}

Rescan::News Rescan::poll(base::Time now) {
  if (runs()) return context_.proof.search().has_ended() ? News::ended : News::none;
  if (state_ == State::again && again_at_ <= now) state_ = State::due;
  const auto live = channels_.live();
  const auto link = std::ranges::find_if(live, [](const Link* l) { return l->channel.is_up(); });
  if (state_ != State::due || link == live.end()) return News::none;
  link_ = *link;
  state_ = State::searching;
  context_.proof.search().start((*link)->channel, context_.units.scope(ProofScope::Asks::identity).left_out,
                                now + context_.options.connect_timeout);
  return News::begun;
}

Search::Found Rescan::take(base::Time now) {
  link_ = nullptr;
  auto found = context_.proof.search().take();
  const bool is_worth_repeating =
      found.error.code != Errc::ok || context_.proof.search().is_worth_repeating();
  if (!is_worth_repeating) delay_.reset();
  if (state_ == State::outdated) {
    state_ = State::due;
  } else if (is_worth_repeating && context_.options.reconnect_delay) {
    state_ = State::again;
    again_at_ = delay_.next(now);
  } else {
    state_ = State::idle;
  }
  return found;
}

base::Time Rescan::next() const noexcept {
  switch (state_) {
    case State::idle: return base::kNever;
    case State::due: return {};
    case State::again: return again_at_;
    case State::searching:
    case State::outdated: return context_.proof.search().next();
  }
  return base::kNever;
}

}  // namespace srpi::session
