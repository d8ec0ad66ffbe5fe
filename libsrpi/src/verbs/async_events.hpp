// SPDX-License-Identifier: Apache-2.0
// Delivers a device's asynchronous events (queue pair failed, port down, device gone) to its endpoints.
//
// The device has one event queue, and its endpoints may belong to different threads. So every endpoint sleeps
// on the device's descriptor. The first thread that wakes drains the queue under a lock and stores each
// event's cause in the listeners concerned. The eventfd of each listener then wakes its thread. None of this
// is on the data path.
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

// The listener of one endpoint. Destroy it before the queue pair and the completion queue that it watches,
// and before the AsyncEvents.
class AsyncListener {
 public:
  ~AsyncListener();
  AsyncListener(const AsyncListener&) = delete;
  AsyncListener& operator=(const AsyncListener&) = delete;

  // Listens to the events of these two as well. Before the call, only events of the port and the device
  // count.
  void watch(const ibv_qp*, const ibv_cq*) noexcept;
  [[nodiscard]] int wake_fd() const noexcept { return wake_.get(); }
  // The first cause that ends the endpoint's connection. It is returned once.
  [[nodiscard]] std::optional<Error> take() noexcept;

 private:
  friend class AsyncEvents;
  AsyncListener(AsyncEvents& events, FileDescriptor wake, std::uint8_t port) noexcept
      : events_(events), wake_(std::move(wake)), port_(port) {}

  AsyncEvents& events_;
  FileDescriptor wake_;
  const std::uint8_t port_;
  // Protected by the lock of events_.
  const ibv_qp* qp_ = nullptr;
  const ibv_cq* cq_ = nullptr;
  std::optional<Error> cause_;
};

class AsyncEvents {
 public:
  // Makes the event queue of `context` nonblocking. The context belongs to the caller and must outlive this
  // object.
  explicit AsyncEvents(ibv_context* context) noexcept;
  AsyncEvents(const AsyncEvents&) = delete;
  AsyncEvents& operator=(const AsyncEvents&) = delete;

  [[nodiscard]] Result<std::unique_ptr<AsyncListener>> listen(std::uint8_t port);
  [[nodiscard]] int fd() const noexcept { return context_->async_fd; }
  // May be called by any thread. Never blocks.
  void drain();
  // True if the device failed or was removed: a retry over it cannot succeed.
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

// The error with which an event ends the connection of an endpoint on `device`; nullopt if it does not.
[[nodiscard]] std::optional<Error> fatal_cause(ibv_event_type, const char* device, int port) noexcept;

}  // namespace srpi::verbs
