// SPDX-License-Identifier: Apache-2.0
// A device's asynchronous events (queue pair in trouble, port down, device gone), brought to the endpoints
// concerned.
//
// The device has one event queue, and its endpoints may live in different threads. So every endpoint sleeps
// on the device's descriptor, whoever wakes first drains it under a lock, and leaves each cause with the
// listeners concerned, whose own eventfd wakes their threads. None of this is on the data path.
#pragma once

#include <infiniband/verbs.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "srpi/error.hpp"
#include "verbs/handles.hpp"

namespace srpi::verbs {

class AsyncEvents;

// One endpoint's part, known to the AsyncEvents while it lives. Destroy it before the queue pair and the
// completion queue that it watches, and before the AsyncEvents.
class AsyncListener {
 public:
  ~AsyncListener();
  AsyncListener(const AsyncListener&) = delete;
  AsyncListener& operator=(const AsyncListener&) = delete;

  // From here on, events of these two count too; before that, only those of the port and the device.
  void watch(const ibv_qp*, const ibv_cq*) noexcept;
  [[nodiscard]] int wake_fd() const noexcept { return wake_.get(); }
  // The first cause that ends the endpoint's connection; at most once.
  [[nodiscard]] std::optional<Error> take() noexcept;

 private:
  friend class AsyncEvents;
  AsyncListener(AsyncEvents& events, FileDescriptor wake, std::uint8_t port) noexcept
      : events_(events), wake_(std::move(wake)), port_(port) {}

  AsyncEvents& events_;
  FileDescriptor wake_;
  const std::uint8_t port_;
  // Below: under the lock of events_.
  const ibv_qp* qp_ = nullptr;
  const ibv_cq* cq_ = nullptr;
  std::optional<Error> cause_;
};

class AsyncEvents {
 public:
  // The context stays the caller's, and must outlive this. Makes its event queue nonblocking.
  explicit AsyncEvents(ibv_context* context) noexcept;
  AsyncEvents(const AsyncEvents&) = delete;
  AsyncEvents& operator=(const AsyncEvents&) = delete;

  [[nodiscard]] Result<std::unique_ptr<AsyncListener>> listen(std::uint8_t port);
  [[nodiscard]] int fd() const noexcept { return context_->async_fd; }
  // Any thread; never blocks.
  void drain();
  // No use trying again over this device.
  [[nodiscard]] bool device_gone() const noexcept { return device_gone_; }
  void set_device_gone() noexcept { device_gone_ = true; }

 private:
  friend class AsyncListener;
  void deliver(const ibv_async_event&);

  ibv_context* const context_;
  std::mutex mutex_;
  std::vector<AsyncListener*> listeners_;
  std::atomic<bool> device_gone_ = false;
};

// What an event means for an endpoint on `device`; nothing: it goes on working.
[[nodiscard]] std::optional<Error> fatal_cause(ibv_event_type, const char* device, int port) noexcept;

}  // namespace srpi::verbs
