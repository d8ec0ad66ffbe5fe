// SPDX-License-Identifier: Apache-2.0
// An RDMA device in use: our own verbs context and protection domain.
//
// librdmacm has a context of the same device, which the whole process shares. We open a second context for
// two reasons: its event queue is ours alone, and librdmacm may close its context with the last CM id, while
// our registered memory must outlive all connections.
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
  // Errors: no_device, permission_denied, no_memory.
  [[nodiscard]] static Result<std::shared_ptr<Device>> open(ibv_device* like);

  ~Device() override;

  [[nodiscard]] std::string name() const override { return ibv_get_device_name(context_->device); }
  [[nodiscard]] bool gone() const noexcept override { return async_events_.device_gone(); }
  // May be called by any thread. The region keeps the device alive.
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

// The devices in use. All endpoints and memory regions on a device share its protection domain.
//
// A device without hot-unplug support (rxe, siw) can be removed only when all its contexts are closed. Ours
// is closed when the device is no longer in use. librdmacm closes its context when it looks for devices and
// does not find this one. It looks only when it is made to, and not if there is no device left; then the
// context of the last device stays open until the process ends.
class DeviceCache {
 public:
  // May be called by any thread. Does not return a failed device: it opens the device anew.
  [[nodiscard]] Result<std::shared_ptr<Device>> get(ibv_device*);
  // Call this if a device may have been removed. The next get() then looks for devices first.
  void suspect_removal() noexcept { look_again_ = true; }
  void look_again() noexcept;

 private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Device>> devices_;
  std::atomic<bool> look_again_ = false;
};

}  // namespace srpi::verbs
