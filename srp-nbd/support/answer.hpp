// SPDX-License-Identifier: Apache-2.0
// A value that is given once, and coroutines that wait for it.
//
//   Answer<int> answer(executor);
//   lane.post([answer](srpi::Session& session) { answer.send(count(session)); });   // on another thread
//   const int count = co_await answer.wait();
//
// Threads: `send` may be called on any thread, the other functions on the executor's thread only. Lifetime:
// an Answer is a handle. All copies share one state, which lives until the last copy and the last waiting
// coroutine are destroyed. If nobody has a copy, the value never comes.
#pragma once

#include <algorithm>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace srp_nbd {

template<class T>
class Answer {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Answer(boost::asio::any_io_executor executor)
      : state_(std::make_shared<State>(std::move(executor))) {}

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

  [[nodiscard]] boost::asio::awaitable<T> wait() const { return wait_for_value(state_); }
  // Returns nullopt if the deadline comes first.
  [[nodiscard]] boost::asio::awaitable<std::optional<T>> wait_until(Clock::time_point deadline) const {
    return wait(state_, deadline);
  }

 private:
  struct State {
    explicit State(boost::asio::any_io_executor e) : executor(std::move(e)) {}
    boost::asio::any_io_executor executor;
    std::optional<T> value;
    std::vector<boost::asio::steady_timer*> waiting;
  };
  // A member of the waiting coroutine's frame.
  struct Waiting {
    Waiting(const std::shared_ptr<State>& s, Clock::time_point deadline)
        : state(s), timer(s->executor, deadline) {
      state->waiting.push_back(&timer);
    }
    ~Waiting() { std::erase(state->waiting, &timer); }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    const std::shared_ptr<State> state;
    boost::asio::steady_timer timer;
  };

  static boost::asio::awaitable<std::optional<T>> wait(std::shared_ptr<State> state,
                                                       Clock::time_point deadline) {
    if (!state->value) {
      Waiting waiting(state, deadline);
      boost::system::error_code ignored;
      co_await waiting.timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    co_return state->value;
  }
  static boost::asio::awaitable<T> wait_for_value(std::shared_ptr<State> state) {
    auto value = co_await wait(state, Clock::time_point::max());
    co_return std::move(value).value();  // throws if the wait was cancelled
  }

  std::shared_ptr<State> state_;
};

}  // namespace srp_nbd
