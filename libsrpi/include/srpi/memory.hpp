// SPDX-License-Identifier: Apache-2.0
// Memory that a session's target can access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace srpi {

// The caller's bytes, registered with a session (Session::register_memory). The Memory stays valid over
// disconnect and reconnect. If the session reconnects over another RDMA device, it registers the bytes there.
// Ownership: the bytes stay the caller's and must outlive the Memory. Destroy the Memory after the last
// request that uses it has completed, and before the Session. It belongs to the session's thread.
class Memory {
 public:
  virtual ~Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool contains(const std::byte* address, std::size_t length) const noexcept {
    return address >= bytes_.data() && length <= bytes_.size() &&
           static_cast<std::size_t>(address - bytes_.data()) <= bytes_.size() - length;
  }
  // The keys of the present registration. They change when the session registers the bytes again.
  [[nodiscard]] std::uint32_t lkey() const noexcept { return lkey_; }
  [[nodiscard]] std::uint32_t rkey() const noexcept { return rkey_; }

 protected:
  explicit Memory(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
  std::span<std::byte> bytes_;
  std::uint32_t lkey_ = 0;
  std::uint32_t rkey_ = 0;
};

}  // namespace srpi
