// SPDX-License-Identifier: Apache-2.0
#include "session/live_proof.hpp"

#include <algorithm>
#include <utility>

#include "base/make_error.hpp"

namespace srpi::session {
namespace {

constexpr base::Duration kAgainAfter = std::chrono::milliseconds(50);

// These errors pass by themselves: a unit is often not ready just after a reset.
bool passes(Errc error) noexcept { return error == Errc::busy || error == Errc::not_ready; }

bool is_unasked(const Link* link) noexcept {
  return link->state == Link::State::unasked && link->channel.is_up();
}

}  // namespace

LiveProof::LiveProof(const LoginContext& context, ChannelSet& channels, Joins& joins) noexcept
    : context_(context), channels_(channels), joins_(joins) {}

bool LiveProof::begin(base::Time now) noexcept {
  channels_.mark_unasked();
  if (state_ != State::idle) return false;
  state_ = State::due;
  not_before_ = {};
  deadline_ = now + context_.options.connect_timeout;
  return true;
}

void LiveProof::on_channel_lost(const Link& link, base::Time now) noexcept {
  if (link_ != &link) return;
  stop();
  state_ = State::due;  // continue over the other channels
  not_before_ = {};
  deadline_ = now + context_.options.connect_timeout;
}

void LiveProof::stop() noexcept {
  if (std::exchange(link_, nullptr)) context_.proof.cancel();
}

void LiveProof::end() noexcept {
  stop();
  state_ = State::idle;
}

// Returns false if no channel is usable; they are about to be lost.
bool LiveProof::start(base::Time now) {
  const auto live = channels_.live();
  const auto unasked = std::ranges::find_if(live, is_unasked);
  const auto usable = [](const Link* l) { return l->channel.is_up(); };
  const auto link = unasked != live.end() ? unasked : std::ranges::find_if(live, usable);
  if (link == live.end()) return false;
  joins_.drop(now);  // there is only one proof at a time
  const bool is_last = std::ranges::count_if(live, is_unasked) <= 1;
  link_ = *link;
  link_->state = Link::State::live;
  state_ = is_last ? State::identity : State::attentions;
  auto scope = context_.units.scope(is_last ? ProofScope::Asks::identity : ProofScope::Asks::attentions);
  scope.until = deadline_;
  context_.proof.start(link_->channel, scope);
  return true;
}

LiveProof::News LiveProof::poll(base::Time now) {
  while (is_active()) {
    if (state_ == State::due && (!is_due(now) || !start(now))) return {};
    auto outcome = context_.proof.outcome();  // if memory is short, the next poll tries again
    if (!outcome && now < deadline_) return {};
    auto& link = *link_;
    const auto asked = std::exchange(state_, State::due);
    not_before_ = {};
    stop();
    auto news = News{};
    if (!outcome)
      link.channel.fail(overdue());
    else if (outcome->has_error())
      news = on_failure(link, base::error_of(*outcome), now);
    else
      news = on_success(asked, **outcome);
    if (news.kind != News::Kind::none) return news;
    if (!link.channel.failure()) continue;
    // Continue over the next channel after this one is closed, because it may still have a command of the
    // proof.
    deadline_ = now + context_.options.connect_timeout;
    return {};
  }
  return {};
}

LiveProof::News LiveProof::on_success(State asked, std::span<const ProvedUnit> units) noexcept {
  if (asked == State::attentions || std::ranges::any_of(channels_.live(), is_unasked)) return {};
  state_ = State::idle;
  return {News::Kind::proved, units, {}};
}

LiveProof::News LiveProof::on_failure(Link& link, Error error, base::Time now) noexcept {
  if (ends_for_good(error.code)) return {News::Kind::final, {}, std::move(error)};
  // A reset of the unit has ended the proof's command. Start again.
  const bool again = error.code == Errc::aborted_command && now < deadline_;
  const bool later = passes(error.code) && now + kAgainAfter < deadline_;
  link.state = Link::State::unasked;
  if (later)
    not_before_ = now + kAgainAfter;
  else if (!again)
    link.channel.fail(std::move(error));
  return {};
}

Error LiveProof::overdue() const noexcept {
  return base::make_error(Errc::timed_out, "the units could not be proved again within {} ms",
                          context_.options.connect_timeout.count());
}

base::Time LiveProof::next() const noexcept {
  switch (state_) {
    case State::idle: return base::kNever;
    case State::due: return not_before_;
    case State::attentions:
    case State::identity: return std::min(deadline_, context_.proof.next());
  }
  return base::kNever;
}

}  // namespace srpi::session
