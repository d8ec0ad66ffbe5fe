// SPDX-License-Identifier: Apache-2.0
// Those who wait for a session to be live, each with a deadline of its own.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <memory>

#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

[[nodiscard]] Failure connect_timed_out();

class LiveWaiters {
 public:
  using Done = std::function<void(Outcome<>)>;

  explicit LiveWaiters(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}
  ~LiveWaiters();  // calls nobody
  LiveWaiters(const LiveWaiters&) = delete;
  LiveWaiters& operator=(const LiveWaiters&) = delete;

  // `done` is called once: by settle, or with connect_timed_out after that time.
  void add(std::chrono::steady_clock::duration, Done done);
  void settle(const Outcome<>&);
  void fail(const srpi::Error& cause);  // of an attempt; code ok: somebody has asked for it
  // The session went to `disconnected`. From `recovering` only fast_io_fail is over: an attempt that is under way goes
  // on, and its end is told.
  void disconnected(srpi::SessionState from, const srpi::Error& cause);

 private:
  struct Waiter;
  boost::asio::any_io_executor executor_;
  std::list<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace srp_nbd
