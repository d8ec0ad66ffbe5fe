// SPDX-License-Identifier: Apache-2.0
#include "export/blocking_worker.hpp"

#include <thread>

namespace srp_nbd {

std::shared_ptr<BlockingWorker> BlockingWorker::start(boost::asio::any_io_executor home) {
  const std::shared_ptr<BlockingWorker> worker(new BlockingWorker(std::move(home)));
  std::thread([worker] { worker->work(); }).detach();
  return worker;
}

void BlockingWorker::close() noexcept {
  std::deque<std::function<void()>> dropped;  // destroyed after the lock is released
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    dropped.swap(jobs_);
  }
  wake_.notify_one();
}

void BlockingWorker::post(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) return;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void BlockingWorker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return is_closed_ || !jobs_.empty(); });
    if (is_closed_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace srp_nbd
