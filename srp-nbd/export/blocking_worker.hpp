// SPDX-License-Identifier: Apache-2.0
// A thread for blocking calls, one at a time. Coroutines wait for the results.
//
// The thread shares ownership of the worker. It may hang in the kernel when the owner is destroyed, and ends
// later. Work must not refer to objects that the owner destroys.
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

  // Starts no more work and does not use the executor any more. Queued work is destroyed.
  void close() noexcept;

  // May be called by any thread. Runs `job` on the worker's thread, after earlier jobs.
  void post(std::function<void()> job);

  // Runs `work` on the worker's thread and returns its result, or nullopt at the deadline. Then `work` is not
  // started any more, or its result is dropped.
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
      const std::lock_guard lock(self->mutex_);  // the executor exists until the worker is closed
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
