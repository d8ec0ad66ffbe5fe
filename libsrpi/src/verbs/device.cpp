// SPDX-License-Identifier: Apache-2.0
#include "verbs/device.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "verbs/availability.hpp"

namespace srpi::verbs {
namespace {

class MemoryRegion final : public fabric::MemoryRegion {
 public:
  MemoryRegion(std::shared_ptr<Device> device, std::span<std::byte> bytes, MemoryRegionHandle mr) noexcept
      : fabric::MemoryRegion(bytes, mr->lkey, mr->rkey), device_(std::move(device)), mr_(std::move(mr)) {}

 private:
  std::shared_ptr<Device> device_;  // must outlive mr_
  MemoryRegionHandle mr_;
};

Error registration_error(const std::string& device, std::size_t bytes, int error) {
  const std::string what = fmt::format("{}: register {} bytes of memory", device, bytes);
  if (error == ENOMEM) {
    rlimit limit{};
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
      return {Errc::no_memory,
              fmt::format("{}: RLIMIT_MEMLOCK permits this process {} bytes of locked memory; raise it "
                          "(ulimit -l unlimited, LimitMEMLOCK=infinity)",
                          what, limit.rlim_cur)};
    return {Errc::no_memory,
            fmt::format("{}: no memory left, or the device's limit of memory regions is reached", what)};
  }
  const Errc code = error == EPERM || error == EACCES ? Errc::permission_denied
                    : error == EIO || error == ENODEV ? Errc::device_removed
                                                      : Errc::invalid_argument;
  return {code, fmt::format("{}: {}", what, std::strerror(error))};
}

// Makes librdmacm look for devices, so that it closes removed ones. It opens all other devices meanwhile.
void have_librdmacm_look() noexcept {
  if (ibv_context** devices = rdma_get_devices(nullptr); devices != nullptr) rdma_free_devices(devices);
}

}  // namespace

Device::Device(ContextHandle context, ProtectionDomainHandle pd, const ibv_device_attr& limits) noexcept
    : context_(std::move(context)), pd_(std::move(pd)), limits_(limits), async_events_(context_.get()) {}

Device::~Device() {
  if (async_events_.device_gone()) have_librdmacm_look();
}

void DeviceCache::look_again() noexcept {
  if (look_again_.exchange(false)) have_librdmacm_look();
}

Result<std::shared_ptr<Device>> Device::open(ibv_device* device) {
  const std::string what = fmt::format("open RDMA device {}", ibv_get_device_name(device));
  ContextHandle context(ibv_open_device(device));
  if (!context) return explain_unavailable(what, errno);
  ibv_device_attr limits{};
  if (const int error = ibv_query_device(context.get(), &limits); error != 0)
    return explain_unavailable(what + ": ask for its limits", error);
  ProtectionDomainHandle pd(ibv_alloc_pd(context.get()));
  if (!pd) return explain_unavailable(what + ": allocate a protection domain", errno);
  return std::shared_ptr<Device>(new Device(std::move(context), std::move(pd), limits));
}

Result<std::unique_ptr<fabric::MemoryRegion>> Device::register_memory(std::span<std::byte> bytes,
                                                                      fabric::Access access) {
  if (bytes.empty()) return Error{Errc::invalid_argument, name() + ": register memory: no bytes given"};
  int flags = IBV_ACCESS_LOCAL_WRITE;
  if (access == fabric::Access::remote) flags |= IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;
  MemoryRegionHandle mr(ibv_reg_mr(pd_.get(), bytes.data(), bytes.size(), flags));
  if (!mr) return registration_error(name(), bytes.size(), errno);
  return std::unique_ptr<fabric::MemoryRegion>(
      std::make_unique<MemoryRegion>(shared_from_this(), bytes, std::move(mr)));
}

Result<std::shared_ptr<Device>> DeviceCache::get(ibv_device* wanted) {
  const std::lock_guard lock(mutex_);
  std::erase_if(devices_, [](const auto& device) { return device.expired(); });
  for (const auto& weak : devices_)
    if (auto device = weak.lock(); device && device->is(wanted) && !device->async_events().device_gone())
      return device;
  auto opened = Device::open(wanted);
  if (opened) devices_.push_back(*opened);
  return opened;
}

}  // namespace srpi::verbs
