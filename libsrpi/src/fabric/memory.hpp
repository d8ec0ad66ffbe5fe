// SPDX-License-Identifier: Apache-2.0
// Registered memory: what an RDMA device may reach, and for whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::fabric {

enum class Access : std::uint8_t {
  local,   // the device may read and write it for our own work requests
  remote,  // and the peer may RDMA READ and RDMA WRITE it by rkey
};

// While it lives, the device may reach the bytes; its destructor ends that. The bytes are the caller's.
class MemoryRegion {
 public:
  virtual ~MemoryRegion() = default;
  MemoryRegion(const MemoryRegion&) = delete;
  MemoryRegion& operator=(const MemoryRegion&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint32_t lkey() const noexcept { return lkey_; }
  [[nodiscard]] std::uint32_t rkey() const noexcept { return rkey_; }

 protected:
  MemoryRegion(std::span<std::byte> bytes, std::uint32_t lkey, std::uint32_t rkey) noexcept
      : bytes_(bytes), lkey_(lkey), rkey_(rkey) {}

 private:
  std::span<std::byte> bytes_;
  std::uint32_t lkey_;
  std::uint32_t rkey_;
};

// One RDMA device with its protection domain. Shared by every endpoint and region on it, so that memory stays
// registered across a reconnect; compare pointers to learn whether two endpoints share a device.
class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual std::string name() const = 0;  // "rxe0", "mlx5_0", "loopback"
  // Known to have failed or to be going away: nothing will work over it. Who holds it then may hold up its
  // removal (`rdma link delete` waits for it).
  [[nodiscard]] virtual bool gone() const noexcept = 0;
  // Errors: no_memory, which names RLIMIT_MEMLOCK where that is the limit.
  [[nodiscard]] virtual Result<std::unique_ptr<MemoryRegion>> register_memory(std::span<std::byte>,
                                                                              Access) = 0;
};

}  // namespace srpi::fabric
