// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <span>

namespace srp_nbd {
namespace {

std::shared_ptr<const std::string> line_of(const Event& event) {
  return std::make_shared<const std::string>(boost::json::serialize(to_json(event)));
}

}  // namespace

EventHub::EventHub(Snapshot snapshot, Clock clock)
    : snapshot_(std::move(snapshot)), clock_(std::move(clock)) {}

Outcome<std::shared_ptr<EventFollower>> EventHub::follow(std::string session) {
  if (followers_.size() >= kMaxFollowers)
    return Failure{"busy",
                   fmt::format("{} followers are there already, and no more are taken", kMaxFollowers)};
  const std::shared_ptr<EventFollower> follower(new EventFollower(*this, std::move(session)));
  followers_.push_back(follower.get());
  append_snapshot(*follower);
  return follower;
}

void EventHub::append_snapshot(EventFollower& follower) const {
  for (const auto& event : snapshot_())
    if (follower.wants(event)) follower.waiting_.push_back(line_of(event));
}

// Each that is there, and tells it if it had nothing before: which may end a follower, this one or another.
template<class Visit>
void EventHub::visit_followers(Visit visit) noexcept {
  std::array<EventFollower*, kMaxFollowers> followers{};
  std::ranges::copy(followers_, followers.begin());
  for (auto* follower : std::span(followers).first(followers_.size())) {
    if (std::find(followers_.begin(), followers_.end(), follower) == followers_.end()) continue;
    const bool had_nothing = follower->waiting_.empty() && follower->lost_ == 0;
    visit(*follower);
    const bool has_something = !follower->waiting_.empty() || follower->lost_ > 0;
    if (had_nothing && has_something && follower->on_ready_) follower->on_ready_();
  }
}

void EventHub::publish(const Event& event) noexcept {
  std::shared_ptr<const std::string> line;  // made once, for all of them
  visit_followers([&](EventFollower& follower) {
    if (!follower.wants(event)) return;
    if (follower.lost_ > 0 || follower.waiting_.size() >= kMaxWaiting) {
      ++follower.lost_;
      return;
    }
    guarded(
        [&] {
          if (!line) line = line_of(event);
          follower.waiting_.push_back(line);
        },
        [&] { ++follower.lost_; });
  });
}

void EventHub::lose() noexcept {
  visit_followers([](EventFollower& follower) { ++follower.lost_; });
}

EventFollower::~EventFollower() { std::erase(hub_.followers_, this); }

std::shared_ptr<const std::string> EventFollower::next() {
  if (waiting_.empty() && lost_ > 0) {
    Event lost(hub_.now(), {}, EventKind::lost);
    lost.lost = lost_;
    waiting_.push_back(line_of(lost));
    lost_ = 0;
    hub_.append_snapshot(*this);
  }
  if (waiting_.empty()) return nullptr;
  auto line = std::move(waiting_.front());
  waiting_.pop_front();
  return line;
}

}  // namespace srp_nbd
