// SPDX-License-Identifier: Apache-2.0
// An RDMA device in use: a verbs context and a protection domain of our own.
//
// librdmacm has a context of the same device too, shared by the whole process. We open a second one because
// then its event queue is ours alone, and because librdmacm may close its own as soon as the last CM id is
// gone, while memory that we registered is to outlive every connection.
#pragma once

#include <infiniband/verbs.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fabric/memory.hpp"
#include "verbs/async_events.hpp"
#include "verbs/handles.hpp"

namespace srpi::verbs {

class Device final : public fabric::Device, public std::enable_shared_from_this<Device> {
 public:
  // `like`: any context of the device. Errors: no_device, permission_denied, no_memory.
  [[nodiscard]] static Result<std::shared_ptr<Device>> open(ibv_device* like);

  ~Device() override;

  [[nodiscard]] std::string name() const override { return ibv_get_device_name(context_->device); }
  [[nodiscard]] bool gone() const noexcept override { return async_events_.device_gone(); }
  // Any thread. The region keeps the device alive.
  [[nodiscard]] Result<std::unique_ptr<fabric::MemoryRegion>> register_memory(std::span<std::byte>,
                                                                              fabric::Access) override;

  [[nodiscard]] ibv_context* context() const noexcept { return context_.get(); }
  [[nodiscard]] ibv_pd* protection_domain() const noexcept { return pd_.get(); }
  [[nodiscard]] const ibv_device_attr& limits() const noexcept { return limits_; }
  [[nodiscard]] AsyncEvents& async_events() noexcept { return async_events_; }
  [[nodiscard]] bool is(ibv_device* device) const noexcept { return context_->device == device; }

 private:
  Device(ContextHandle, ProtectionDomainHandle, const ibv_device_attr&) noexcept;

  ContextHandle context_;
  ProtectionDomainHandle pd_;
  const ibv_device_attr limits_;
  AsyncEvents async_events_;
};

// The devices that some endpoint or memory region uses, so that all of them share one protection domain.
//
// The removal of a device without hot-unplug support (rxe, siw) waits for every context to be closed: ours,
// when nobody uses the device any more, and librdmacm's, which it closes when it looks for devices and finds
// this one missing. It looks when it is made to, and not when no device at all is left: the context of the
// last one stays until the process ends.
class DeviceCache {
 public:
  // Any thread. A device that failed is not handed out again: what replaced it is opened anew.
  [[nodiscard]] Result<std::shared_ptr<Device>> get(ibv_device*);
  // A device seems to have been removed, now or a moment later: look for devices before the next attempt.
  void suspect_removal() noexcept { look_again_ = true; }
  void look_again() noexcept;

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Device>> devices_;
  std::atomic<bool> look_again_ = false;
};

}  // namespace srpi::verbs
