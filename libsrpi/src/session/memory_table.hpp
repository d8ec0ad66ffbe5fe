// SPDX-License-Identifier: Apache-2.0
// The memory that the user registered with a session. It follows the session to another RDMA device.
//
// The user owns each Memory. The table owns the registrations, and refers to each Memory until one of the two is
// destroyed: a Memory leaves the table, a table detaches its Memories.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "fabric/memory.hpp"
#include "srpi/memory.hpp"

namespace srpi::session {

class MemoryTable {
 public:
  MemoryTable() = default;
  ~MemoryTable();  // ends all registrations; no request may be in flight
  MemoryTable(const MemoryTable&) = delete;
  MemoryTable& operator=(const MemoryTable&) = delete;

  // Registers at once if the device is known.
  [[nodiscard]] Result<std::unique_ptr<Memory>> add(std::span<std::byte>);
  // False: it is another session's, or detached.
  [[nodiscard]] bool has(const Memory& memory) const noexcept { return memory.table_ == this; }
  // Registers everything with the device if it is a new one. No request may be in flight.
  [[nodiscard]] Result<> use_device(const std::shared_ptr<fabric::Device>&);
  // Unregisters everything until the next use_device. No request may be in flight.
  void let_device_go() noexcept;
  [[nodiscard]] const std::shared_ptr<fabric::Device>& device() const noexcept { return device_; }

 private:
  class Entry;
  static MemoryTable*& table_of(Memory& memory) noexcept { return memory.table_; }
  std::shared_ptr<fabric::Device> device_;
  std::vector<Entry*> entries_;
};

}  // namespace srpi::session
