// SPDX-License-Identifier: Apache-2.0
// The followers of events, and what waits for each of them. Main thread only; knows nothing of sockets.
//
// A follower takes its lines when it can. What it leaves waits in a queue of its own with a fixed number of
// places, so a stuck one costs neither time nor more memory than that. When the queue is full, events are
// counted instead until it is empty; then the follower is told how many it lost, and every session's present
// state.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/event.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

class EventFollower;

class EventHub {
 public:
  static constexpr std::size_t kMaxFollowers = 16;
  static constexpr std::size_t kMaxWaiting = 256;  // lines

  // The present states of all sessions, as events of kind `present`.
  using Snapshot = std::function<std::vector<Event>()>;
  using Clock = std::function<Event::Time()>;
  explicit EventHub(Snapshot, Clock = &std::chrono::system_clock::now);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // session: only what concerns the session of this name; empty: all. It begins with the present states.
  // Following ends with the destruction of what is returned. Errors: busy (too many followers).
  [[nodiscard]] Outcome<std::shared_ptr<EventFollower>> follow(std::string session);
  void publish(const Event&);

  [[nodiscard]] Event::Time now() const { return clock_(); }

 private:
  friend class EventFollower;
  void append_snapshot(EventFollower&) const;

  Snapshot snapshot_;
  Clock clock_;
  std::vector<EventFollower*> followers_;
};

class EventFollower {
 public:
  ~EventFollower();
  EventFollower(const EventFollower&) = delete;
  EventFollower& operator=(const EventFollower&) = delete;

  // The next line, without its line feed; null: nothing now, and on_ready is called when there is again.
  [[nodiscard]] std::shared_ptr<const std::string> next();
  // Called from EventHub::publish. It may call next, and must not end a follower.
  void on_ready(std::function<void()> f) { on_ready_ = std::move(f); }

 private:
  friend class EventHub;
  EventFollower(EventHub* hub, std::string session) : hub_(hub), session_(std::move(session)) {}
  [[nodiscard]] bool wants(const Event& event) const { return session_.empty() || event.session == session_; }

  EventHub* hub_;  // null: it is gone, and `next` is not called any more
  const std::string session_;
  std::function<void()> on_ready_;
  std::deque<std::shared_ptr<const std::string>> waiting_;
  std::uint64_t lost_ = 0;
};

}  // namespace srp_nbd
