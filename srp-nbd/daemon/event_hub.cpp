// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_hub.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

namespace srp_nbd {
namespace {

std::shared_ptr<const std::string> line_of(const Event& event) {
  return std::make_shared<const std::string>(boost::json::serialize(to_json(event)));
}

}  // namespace

Outcome<std::shared_ptr<EventFollower>> EventHub::follow(std::string session) {
  std::erase_if(followers_, [](const auto& follower) { return follower.expired(); });
  if (followers_.size() >= kMaxFollowers)
    return Failure{"busy",
                   fmt::format("{} followers are there already, and no more are taken", kMaxFollowers)};
  const std::shared_ptr<EventFollower> follower(new EventFollower(*this, std::move(session)));
  followers_.push_back(follower);
  append_snapshot(*follower);
  return follower;
}

void EventHub::append_snapshot(EventFollower& follower) const {
  for (const auto& event : snapshot_())
    if (follower.wants(event)) follower.waiting_.push_back(line_of(event));
}

void EventHub::publish(const Event& event) {
  std::shared_ptr<const std::string> line;  // shared by all followers
  for (const auto& weak : followers_) {
    const auto follower = weak.lock();
    if (!follower || !follower->wants(event)) continue;
    if (follower->lost_ > 0 || follower->waiting_.size() >= kMaxWaiting) {
      ++follower->lost_;
      continue;
    }
    if (!line) line = line_of(event);
    follower->waiting_.push_back(line);
    if (follower->waiting_.size() == 1 && follower->on_ready_) follower->on_ready_();
  }
}

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
