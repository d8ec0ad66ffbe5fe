// SPDX-License-Identifier: Apache-2.0
// The building blocks of the daemon's coroutines, and their rules.
//
//   1. All coroutines run on the main thread, on one executor. Between two co_awaits of one, no other runs.
//   2. A coroutine keeps alive only what its frame holds: parameters by value, locals, and
//      `const auto self = shared_from_this()`.
//   3. When the io_context is destroyed, suspended frames are destroyed with it.
//   4. Give a braced argument a name before a co_await: g++ 12 destroys such a temporary twice.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace srp_nbd {

using boost::asio::awaitable;
using Executor = boost::asio::any_io_executor;

// Runs `work` concurrently with the caller. On the executor's thread it starts at once, and the call returns
// when `work` waits for the first time. Its result is dropped. An exception from `work` ends the process.
template<class T>
void spawn(Executor executor, awaitable<T> work) {
  boost::asio::co_spawn(std::move(executor), std::move(work), [](std::exception_ptr error, auto&&...) {
    if (error) std::rethrow_exception(error);
  });
}

[[nodiscard]] inline awaitable<void> pause(std::chrono::steady_clock::duration time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
}

// Returns nullopt if `work` did not end in time. `work` is then cancelled, and has ended when this returns.
template<class T>
[[nodiscard]] awaitable<std::optional<T>> within(std::chrono::steady_clock::duration time,
                                                 awaitable<T> work) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto first = co_await (std::move(work) || pause(time));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::get<0>(std::move(first));
}

// A value that is given once, and coroutines that wait for it.
//
//   Answer<int> answer(executor);
//   lane.post([answer](srpi::Session& session) { answer.send(count(session)); });   // on another thread
//   const int count = co_await answer.wait();
//
// Threads: `send` may be called on any thread, the other functions on the executor's thread only. Lifetime:
// an Answer is a handle. All copies share one state, which lives until the last copy and the last waiting
// coroutine are destroyed. If nobody has a copy, the value never comes.
template<class T>
class Answer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Answer(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

  // Resumes all that wait, in a later turn of the executor. The first value counts, later ones are dropped.
  void give(T value) const {
    if (state_->value) return;
    state_->value.emplace(std::move(value));
    for (auto* timer : state_->waiting) timer->cancel();
  }
  void send(T value) const {
    boost::asio::post(state_->executor, [answer = *this, value = std::move(value)]() mutable {
      answer.give(std::move(value));
    });
  }
  [[nodiscard]] bool is_given() const noexcept { return state_->value.has_value(); }

  // Throws if the wait is cancelled (within).
  [[nodiscard]] awaitable<T> wait() const { return wait_for_value(state_); }
  // Returns nullopt at the deadline, or if the wait is cancelled.
  [[nodiscard]] awaitable<std::optional<T>> wait_until(Clock::time_point deadline) const {
    return wait(state_, deadline);
  }

 private:
  // The timers belong to the frames of the waiting coroutines: another thread may own the state for longer
  // than the executor lives.
  struct State {
    explicit State(Executor e) : executor(std::move(e)) {}
    Executor executor;
    std::optional<T> value;
    std::vector<boost::asio::steady_timer*> waiting;
  };

  static awaitable<std::optional<T>> wait(std::shared_ptr<State> state, Clock::time_point deadline) {
    if (!state->value) {
      boost::asio::steady_timer timer(state->executor, deadline);
      state->waiting.push_back(&timer);
      const std::shared_ptr<void> at_end(nullptr, [&](void*) { std::erase(state->waiting, &timer); });
      boost::system::error_code ignored;
      co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    co_return state->value;
  }
  static awaitable<T> wait_for_value(std::shared_ptr<State> state) {
    auto value = co_await wait(state, Clock::time_point::max());
    co_return std::move(value).value();
  }

  std::shared_ptr<State> state_;
};

}  // namespace srp_nbd
