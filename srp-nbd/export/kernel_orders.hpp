// SPDX-License-Identifier: Apache-2.0
// Orders that block, each in steps on one thread: what has to wait for something is asked again by a timer, and the
// thread is free for the others' steps in between. Each is answered on the executor, or by its deadline.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "srpi/error.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {

template<class T>
struct KernelOrder {
  using Clock = std::chrono::steady_clock;

  // On the thread. Nothing: not yet, to be asked again; not where `is_last`.
  std::function<std::optional<srpi::Result<T>>(bool is_last)> step;
  // Takes back what the steps have done, when their result does not reach anybody.
  std::function<void()> undo;
  std::function<void(srpi::Result<T>)> done;
  Clock::time_point limit;

  std::weak_ptr<boost::asio::steady_timer> deadline;
  std::atomic<bool> decided{false};  // whoever sets it answers
  std::optional<srpi::Result<T>> result;

  ~KernelOrder() { take_back(); }
  void take_back() noexcept {
    if (const auto back = std::exchange(undo, nullptr)) guarded(back);
  }
};

// Shared with its thread, which may be stuck in the kernel when the owner goes; it ends when the kernel lets it.
class KernelOrders : public std::enable_shared_from_this<KernelOrders> {
 public:
  explicit KernelOrders(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void start() {
    std::thread([self = shared_from_this()] { self->work(); }).detach();
  }

  // Nothing is answered any more, and no further step is begun.
  void close() noexcept {
    std::deque<std::function<void()>> dropped;  // destroyed outside of the lock
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      dropped.swap(jobs_);
    }
    wake_.notify_one();
  }

  // std::bad_alloc out of this: nothing was begun, and nothing is answered.
  template<class T>
  void run(std::shared_ptr<KernelOrder<T>> order) {
    // Its handler alone keeps the timer, so that it goes with the executor, whatever the thread still waits for.
    const auto timer = std::make_shared<boost::asio::steady_timer>(executor_, order->limit + kDeadlineSlack);
    order->deadline = timer;
    timer->async_wait([self = shared_from_this(), order, timer](boost::system::error_code error) {
      if (error || order->decided.exchange(true) || self->closed_) return;
      order->done(srpi::Error{srpi::Errc::timed_out, "the kernel did not answer within the deadline"});
    });
    try {
      enqueue(order);
    } catch (const std::bad_alloc&) {
      order->decided = true;
      order->undo = nullptr;
      timer->cancel();
      throw;
    }
  }

 private:
  static constexpr std::chrono::milliseconds kRetryInterval{50};
  // The last step begins at the order's limit.
  static constexpr std::chrono::milliseconds kDeadlineSlack{500};

  template<class T>
  void enqueue(std::shared_ptr<KernelOrder<T>> order) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return;
      jobs_.emplace_back([self = shared_from_this(), order = std::move(order)] { self->perform(order); });
    }
    wake_.notify_one();
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
      if (closed_) return;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  template<class T>
  void perform(const std::shared_ptr<KernelOrder<T>>& order) noexcept {
    // What nobody waits for any more is not even begun.
    if (order->decided) return order->take_back();
    guarded([&] { order->result = order->step(KernelOrder<T>::Clock::now() >= order->limit); },
            [&] {
              order->take_back();
              order->result = srpi::Error{srpi::Errc::no_memory, {}};
            });
    if (!order->result) {
      go_home([self = shared_from_this(), order] { self->perform_later(order); });
      return;
    }
    if (order->decided.exchange(true)) return order->take_back();
    go_home([self = shared_from_this(), order] {
      if (const auto timer = order->deadline.lock()) timer->cancel();
      if (self->closed_) return;
      order->undo = nullptr;
      order->done(std::move(*order->result));
    });
  }

  template<class T>
  void perform_later(const std::shared_ptr<KernelOrder<T>>& order) noexcept {
    insist([&] {
      const auto timer = std::make_shared<boost::asio::steady_timer>(executor_, kRetryInterval);
      timer->async_wait([self = shared_from_this(), order, timer](boost::system::error_code error) {
        if (!error) insist([&] { self->enqueue(order); });
      });
    });
  }

  // Once the owner is gone the executor may be, too.
  template<class Work>
  void go_home(Work work) noexcept {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    insist([&] { boost::asio::post(executor_, work); });
  }

  boost::asio::any_io_executor executor_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::atomic<bool> closed_{false};
};

}  // namespace srp_nbd
