// SPDX-License-Identifier: Apache-2.0
#include "session/channel_set.hpp"

#include <algorithm>

#include "base/no_memory.hpp"
#include "session/attempt.hpp"

namespace srpi::session {
namespace {

// Control events (CM, device) wake a sleeping thread. A busy loop looks for them this often.
constexpr base::Duration kLookEvery = std::chrono::milliseconds(2);
// The limit if every poll finds completions, because deadlines must be checked.
constexpr base::Duration kLookAtLatest = std::chrono::milliseconds(50);

ChannelLimits channel_limits(const SessionOptions& options) {
  ChannelLimits limits;
  limits.queue_depth = options.queue_depth;
  limits.segments = options.descriptors;
  limits.command_timeout = options.command_timeout;
  limits.task_management_timeout = options.task_management_timeout;
  return limits;
}

bool has_failed(const Link* link) { return link->channel.failure().has_value(); }

}  // namespace

ChannelSet::ChannelSet(const SessionOptions& options, const base::Clock& clock, base::Random& random,
                       UnitEventSink& events)
    : clock_(clock) {
  for (std::uint32_t i = 0; i < options.channels; ++i) {
    links_.push_back(std::make_unique<Link>(options, channel_limits(options), clock, random, events, resets_,
                                            static_cast<std::uint16_t>(i)));
    resets_.add(links_.back()->channel);
  }
  live_.reserve(links_.size());
}

bool ChannelSet::any_open() const noexcept {
  return std::ranges::any_of(links_, [](const auto& l) { return l->channel.is_open(); });
}

void ChannelSet::go_live(Link& link) noexcept {
  link.state = Link::State::live;
  link.ended_by_target = false;
  link.queued = 0;
  link.failure_told = false;
  live_.insert(std::ranges::find_if(live_, [&](const Link* l) { return l->number > link.number; }), &link);
  count_live();
  if (is_complete()) error_ = {};
}

void ChannelSet::leave(Link& link) noexcept {
  link.state = Link::State::down;
  std::erase(live_, &link);
  count_live();
}

void ChannelSet::take_connection_event(Link& link) {
  auto event = link.channel.endpoint().next_event();
  if (!event || (event->kind != fabric::ConnectionEvent::Kind::disconnected &&
                 event->kind != fabric::ConnectionEvent::Kind::failed))
    return;
  if (ended_by_target(*event, link.channel)) link.ended_by_target = true;
  link.channel.fail(std::move(event->error));
}

Losses ChannelSet::look_for_losses(const std::optional<Error>& failure) {
  if (std::ranges::none_of(live_, has_failed) && !failure) return {};
  // The connection manager may know the cause better than the failed completion.
  for (auto* link : live_)
    if (has_failed(link)) take_connection_event(*link);
  // Another initiator's login with our port id ends all channels. A channel that joined now would join that
  // session.
  const bool by_login = std::ranges::any_of(live_, [](const Link* l) {
    return l->channel.logged_out() == wire::LogoutReason::multichannel_action;
  });
  if (!failure && !by_login && !std::ranges::all_of(live_, has_failed))
    return {Losses::Of::channels, false, {}};
  const auto first = std::ranges::find_if(live_, has_failed);
  return {Losses::Of::session, by_login || std::ranges::any_of(live_, &Link::ended_by_target),
          base::copy_of(first != live_.end() ? *(*first)->channel.failure() : *failure)};
}

void ChannelSet::set_error(const Error& error) noexcept { error_ = base::copy_of(error); }

Channel& ChannelSet::least_loaded() noexcept {
  auto* best = live_.front();
  for (auto* link : live_)
    if (link->channel.outstanding() + link->queued < best->channel.outstanding() + best->queued) best = link;
  ++best->queued;
  return best->channel;
}

bool ChannelSet::submit_aside(Tmf& task) noexcept {
  return std::ranges::any_of(live_, [&](Link* l) { return l->channel.submit_aside(task); });
}

bool ChannelSet::has_room_aside() const noexcept {
  return std::ranges::any_of(live_, [](const Link* l) { return l->channel.most_aside() > 0; });
}

void ChannelSet::withdraw(Tmf& task) noexcept {
  for (const auto& link : links_) link->channel.withdraw(task);
}

void ChannelSet::take_unsent(CommandList& to) noexcept {
  for (auto* link : live_) link->channel.take_unsent(to);
}

void ChannelSet::abort_unit(std::uint64_t lun) noexcept {
  for (auto* link : live_) link->channel.abort_unit(lun);
}

void ChannelSet::mark_unasked() noexcept {
  for (auto* link : live_) link->state = Link::State::unasked;
}

void ChannelSet::flush() noexcept {
  if (only_) return only_->flush();
  for (auto* link : live_) {
    link->channel.flush();
    if (!link->channel.has_pending()) link->queued = 0;
  }
}

std::size_t ChannelSet::poll() noexcept {
  std::size_t n = 0;
  for (auto* link : live_) n += link->channel.poll();
  return n;
}

bool ChannelSet::look_is_due(base::Time now, bool busy) const noexcept {
  return now >= next_look_ + (busy ? kLookAtLatest : base::Duration{});
}

void ChannelSet::look_around(base::Time now, const std::optional<std::uint64_t>& keepalive_lun) {
  next_look_ = now + kLookEvery;
  for (auto* link : live_) {
    take_connection_event(*link);
    link->channel.check_deadlines(now);
    link->keepalive.note_waiting(now);
    if (keepalive_lun && now >= link->keepalive.due_at(now)) link->keepalive.send(*keepalive_lun, now);
  }
  resets_.check_deadlines(now);
}

void ChannelSet::ask_peers(std::uint64_t lun, base::Time now) noexcept {
  for (auto* link : live_) link->keepalive.send(lun, now);
}

bool ChannelSet::has_sendable() const noexcept {
  return std::ranges::any_of(live_, [](const Link* l) { return l->channel.has_sendable(); });
}

base::Time ChannelSet::next_deadline(bool keepalives) const noexcept {
  const auto now = clock_.now();
  auto next = resets_.next_deadline();
  for (const auto* link : live_) {
    next = std::min(next, link->channel.next_deadline());
    if (keepalives) next = std::min(next, link->keepalive.due_at(now));
  }
  return next;
}

bool ChannelSet::arm() noexcept {
  for (auto* link : live_) link->keepalive.note_waiting(clock_.now());
  next_look_ = {};  // after a wake-up, look everywhere
  return std::ranges::all_of(
      links_, [](const auto& l) { return !l->channel.is_open() || l->channel.endpoint().arm(); });
}

void ChannelSet::let_device_go() noexcept {
  for (const auto& link : links_) link->channel.let_device_go();
}

}  // namespace srpi::session
