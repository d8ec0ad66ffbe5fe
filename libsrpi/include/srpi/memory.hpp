// SPDX-License-Identifier: Apache-2.0
// Memory that a session's target can access.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "srpi/export.hpp"

namespace srpi {

namespace session {
class MemoryTable;
}

// The caller's bytes, registered with a session (Session::register_memory). The Memory stays valid over
// disconnect and reconnect. If the session reconnects over another RDMA device, it registers the bytes there.
//
// Ownership.
//   The bytes         are the caller's. They stay valid until the Memory or its Session is destroyed.
//   The Memory        is the caller's. Destroy it after the last request that uses it has completed, before or
//                     after the Session.
//   The registration  is the session's. It ends with the Memory or with the Session, whichever is destroyed first.
// A Memory that outlives its Session is detached: its keys are 0, and a request that uses it, at any session,
// completes with not_registered.
//
// Threads. It belongs to its session's thread; a detached one belongs to no thread.
class SRPI_EXPORT Memory {
 public:
  virtual ~Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  // True if all `length` bytes from the address on lie inside.
  [[nodiscard]] bool contains(const std::byte* address, std::size_t length) const noexcept {
    return address >= bytes_.data() && length <= bytes_.size() &&
           static_cast<std::size_t>(address - bytes_.data()) <= bytes_.size() - length;
  }
  // The keys of the present registration; 0 while there is none. They change when the session registers the bytes
  // again.
  [[nodiscard]] std::uint32_t lkey() const noexcept { return lkey_; }
  [[nodiscard]] std::uint32_t rkey() const noexcept { return rkey_; }

 protected:
  explicit Memory(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
  std::span<std::byte> bytes_;
  std::uint32_t lkey_ = 0;
  std::uint32_t rkey_ = 0;

 private:
  friend class session::MemoryTable;
  session::MemoryTable* table_ = nullptr;  // of the session; null: detached
};

}  // namespace srpi
