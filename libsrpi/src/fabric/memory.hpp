// SPDX-License-Identifier: Apache-2.0
// Registered memory: the memory that an RDMA device may access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::fabric {

enum class Access : std::uint8_t {
  local,   // the device may read and write it for our work requests
  remote,  // the peer may also RDMA READ and RDMA WRITE it by rkey
};

// The device may access the bytes until the region is destroyed. The bytes belong to the caller.
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

// One RDMA device with its protection domain. All endpoints and regions on the device share this object, so
// memory stays registered across a reconnect. Equal pointers mean the same device.
class Device {
 public:
  virtual ~Device() = default;

  [[nodiscard]] virtual std::string name() const = 0;  // "rxe0", "mlx5_0", "loopback"
  // True once the device has failed or is being removed. Release the Device then: `rdma link delete` may wait
  // for it.
  [[nodiscard]] virtual bool gone() const noexcept = 0;
  // Errors: no_memory; the text names RLIMIT_MEMLOCK if that is the limit.
  [[nodiscard]] virtual Result<std::unique_ptr<MemoryRegion>> register_memory(std::span<std::byte>,
                                                                              Access) = 0;
};

}  // namespace srpi::fabric
