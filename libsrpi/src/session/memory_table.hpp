// SPDX-License-Identifier: Apache-2.0
// The memory that the user registered with a session. It follows the session to another RDMA device.
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
  ~MemoryTable();
  MemoryTable(const MemoryTable&) = delete;
  MemoryTable& operator=(const MemoryTable&) = delete;

  // Registers at once if the device is known. The table must outlive the returned Memory.
  [[nodiscard]] Result<std::unique_ptr<Memory>> add(std::span<std::byte>);
  // Registers everything with the device if it is a new one. No request may be in flight.
  [[nodiscard]] Result<> use_device(const std::shared_ptr<fabric::Device>&);
  // Unregisters everything until the next use_device. No request may be in flight.
  void let_device_go() noexcept;
  [[nodiscard]] const std::shared_ptr<fabric::Device>& device() const noexcept { return device_; }

 private:
  class Entry;
  std::shared_ptr<fabric::Device> device_;
  std::vector<Entry*> entries_;
};

}  // namespace srpi::session
