// SPDX-License-Identifier: Apache-2.0
#include "daemon/live_waiters.hpp"

#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "support/no_memory.hpp"

namespace srp_nbd {

Failure connect_timed_out() {
  return {"connect_timed_out", "the target did not answer within the connect deadline"};
}

struct LiveWaiters::Waiter {
  Waiter(const boost::asio::any_io_executor& executor, Done done_in)
      : deadline(executor), done(std::move(done_in)) {}
  boost::asio::steady_timer deadline;
  Done done;  // empty: was called, or never will be; a deadline that has just passed may still come in
};

LiveWaiters::~LiveWaiters() {
  for (const auto& waiter : waiters_) waiter->done = nullptr;
}

void LiveWaiters::add(std::chrono::steady_clock::duration time, Done done) {
  const auto waiter = std::make_shared<Waiter>(executor_, std::move(done));
  waiters_.push_back(waiter);
  waiter->deadline.expires_after(time);
  waiter->deadline.async_wait([this, waiter](const boost::system::error_code& error) {
    if (error || !waiter->done) return;
    std::erase(waiters_, waiter);
    std::exchange(waiter->done, nullptr)(connect_timed_out());
  });
}

void LiveWaiters::settle(const Outcome<>& outcome) {
  for (const auto& waiter : std::exchange(waiters_, {})) {
    const auto done = std::exchange(waiter->done, nullptr);
    waiter->deadline.cancel();
    guarded([&] { done(outcome); }, [&] { done(Failure::no_memory()); });
  }
}

void LiveWaiters::fail(const srpi::Error& cause) {
  settle(cause.code == srpi::Errc::ok ? Failure{"no_connect", "disconnected meanwhile"} : Failure{cause});
}

void LiveWaiters::disconnected(srpi::SessionState from, const srpi::Error& cause) {
  if (from != srpi::SessionState::recovering) fail(cause);
}

}  // namespace srp_nbd
