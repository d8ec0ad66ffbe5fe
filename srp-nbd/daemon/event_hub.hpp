// SPDX-License-Identifier: Apache-2.0
// The followers of events and their queues. Main thread only. This class does not know sockets.
//
// A follower takes its lines when it can. The others wait in the follower's queue of fixed length, so a stuck
// follower needs no time and no more memory. When the queue is full, events are only counted until the queue
// is empty. Then the follower gets the number of lost events and every session's present state.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/reports.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

class EventFollower;

class EventHub {
 public:
  static constexpr std::size_t kMaxFollowers = 16;
  static constexpr std::size_t kMaxWaiting = 256;  // lines

  // Yields the present states of all sessions, as events of kind `present`.
  using Snapshot = std::function<std::vector<Event>()>;
  using Clock = std::function<Event::Time()>;
  explicit EventHub(Snapshot snapshot, Clock clock = &std::chrono::system_clock::now)
      : snapshot_(std::move(snapshot)), clock_(std::move(clock)) {}

  // `session` is the name of a session, or empty for all. The first events are the present states. Destroying
  // the returned object ends the following. Errors: busy (too many followers).
  [[nodiscard]] Outcome<std::shared_ptr<EventFollower>> follow(std::string session);
  void publish(const Event&);

  [[nodiscard]] Event::Time now() const { return clock_(); }

 private:
  friend class EventFollower;
  void append_snapshot(EventFollower&) const;

  Snapshot snapshot_;
  Clock clock_;
  std::vector<std::weak_ptr<EventFollower>> followers_;
};

// A follower may outlive the hub; then `next` must not be called.
class EventFollower {
 public:
  // The next line without its line feed, or null. After null, on_ready is called when there is a line again.
  [[nodiscard]] std::shared_ptr<const std::string> next();
  // Called from EventHub::publish. The function may call next, but must not destroy a follower.
  void on_ready(std::function<void()> f) { on_ready_ = std::move(f); }

 private:
  friend class EventHub;
  EventFollower(const EventHub& hub, std::string session) : hub_(hub), session_(std::move(session)) {}
  [[nodiscard]] bool wants(const Event& event) const { return session_.empty() || event.session == session_; }

  const EventHub& hub_;
  const std::string session_;
  std::function<void()> on_ready_;
  std::deque<std::shared_ptr<const std::string>> waiting_;
  std::uint64_t lost_ = 0;
};

}  // namespace srp_nbd
