// SPDX-License-Identifier: Apache-2.0
// A thread for calls that block, one at a time, and the way from a coroutine to it and back.
//
// The thread shares the worker and may be stuck in the kernel when its owner goes; it ends when the kernel lets it.
// What runs there must not refer to what the owner destroys.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "support/answer.hpp"

namespace srp_nbd {

class BlockingWorker : public std::enable_shared_from_this<BlockingWorker> {
 public:
  [[nodiscard]] static std::shared_ptr<BlockingWorker> start(boost::asio::any_io_executor home);

  // Begins nothing more, and touches the executor no more. What is queued is destroyed.
  void close() noexcept;

  // Any thread. Runs `job` on the worker's thread, after those before it.
  void post(std::function<void()> job);

  // Runs `work` on the worker's thread and comes home with its result. Nothing: there is none by the deadline. Then
  // `work` is not begun any more, or its result is dropped.
  template<class Work>
  [[nodiscard]] boost::asio::awaitable<std::optional<std::invoke_result_t<Work>>> run(
      Work work, std::chrono::steady_clock::time_point deadline) {
    return run(shared_from_this(), std::move(work), deadline);
  }

 private:
  explicit BlockingWorker(boost::asio::any_io_executor home) : home_(std::move(home)) {}

  template<class Work>
  static boost::asio::awaitable<std::optional<std::invoke_result_t<Work>>> run(
      std::shared_ptr<BlockingWorker> self, Work work, std::chrono::steady_clock::time_point deadline) {
    const Answer<std::invoke_result_t<Work>> answer(self->home_);
    const auto is_late = std::make_shared<std::atomic<bool>>(false);
    self->post([self, answer, is_late, work = std::move(work)] {
      if (*is_late) return;
      auto result = work();
      const std::lock_guard lock(self->mutex_);  // the executor is there until the worker is closed
      if (!self->is_closed_) answer.send(std::move(result));
    });
    auto result = co_await answer.wait_until(deadline);
    *is_late = true;
    co_return result;
  }

  void work();

  const boost::asio::any_io_executor home_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool is_closed_ = false;
};

}  // namespace srp_nbd
