// SPDX-License-Identifier: Apache-2.0
// Lets coroutines wait until a session is live. Main thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <utility>

#include "srpi/session.hpp"
#include "support/coroutine.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

[[nodiscard]] inline Failure connect_timed_out() {
  return {"connect_timed_out", "the target did not answer within the connect deadline"};
}

[[nodiscard]] inline Failure erased_meanwhile() {
  return {"no_such_session", "the session was erased meanwhile"};
}

class LiveWaiters {
 public:
  explicit LiveWaiters(boost::asio::any_io_executor executor)
      : executor_(std::move(executor)), next_(executor_) {}

  // The next call of `settle` settles all tickets that were taken before it.
  using Ticket = Answer<Outcome<>>;
  [[nodiscard]] Ticket ticket() const { return next_; }
  // Returns the outcome that settles the ticket, or connect_timed_out after `time`.
  [[nodiscard]] static boost::asio::awaitable<Outcome<>> wait(Ticket ticket,
                                                              std::chrono::steady_clock::duration time) {
    const auto outcome = co_await ticket.wait_until(std::chrono::steady_clock::now() + time);
    co_return outcome ? *outcome : Outcome<>(connect_timed_out());
  }

  void settle(const Outcome<>& outcome) { std::exchange(next_, Ticket(executor_)).give(outcome); }
  // Called when an attempt has failed. Code ok means that it was ended on request.
  void fail(const srpi::Error& cause) {
    settle(cause.code == srpi::Errc::ok ? Failure{"no_connect", "disconnected meanwhile"} : Failure{cause});
  }
  // Called when the session becomes `disconnected`. If it was `recovering`, only fast_io_fail is over; a
  // running attempt goes on, and its end is reported.
  void disconnected(srpi::SessionState from, const srpi::Error& cause) {
    if (from != srpi::SessionState::recovering) fail(cause);
  }

 private:
  boost::asio::any_io_executor executor_;
  Ticket next_;
};

}  // namespace srp_nbd
