// SPDX-License-Identifier: Apache-2.0
// A device of the loopback network: its name and the table of memory registered with it.
//
// A key has the slot's index in bits 0 to 14 and the slot's generation from bit 16. Bit 15 distinguishes the
// rkey from the lkey, so that a mix-up is noticed. The longest free slot is reused first, with the next
// generation, so the keys of a deregistered region stay invalid for as long as possible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fabric/memory.hpp"

namespace srpi::loopback {

class MemoryTable {
 public:
  static constexpr std::uint32_t kMaxRegions = 0x7fff;

  explicit MemoryTable(std::uint32_t salt) noexcept : salt_(salt) {}

  [[nodiscard]] Result<std::uint32_t> add(std::span<std::byte>, fabric::Access);  // the lkey
  void remove(std::uint32_t lkey) noexcept;
  void clear() noexcept;  // makes all keys invalid
  [[nodiscard]] std::size_t size() const noexcept { return live_; }

  [[nodiscard]] static std::uint32_t rkey_of(std::uint32_t lkey) noexcept { return lkey | kRemoteBit; }

  // True if the lkey permits access to the bytes. No bytes need no key.
  [[nodiscard]] bool allows_local(std::uint32_t lkey, const std::byte* address,
                                  std::uint64_t bytes) const noexcept {
    return bytes == 0 || covers(lkey, reinterpret_cast<std::uintptr_t>(address), bytes);
  }
  [[nodiscard]] bool allows_remote(std::uint32_t rkey, std::uint64_t address,
                                   std::uint64_t bytes) const noexcept {
    if (bytes == 0) return true;
    if (!(rkey & kRemoteBit)) return false;
    return covers(rkey & ~kRemoteBit, address, bytes) && slots_[rkey & kIndexMask].remote;
  }

 private:
  static constexpr std::uint32_t kIndexMask = 0x7fff;
  static constexpr std::uint32_t kRemoteBit = 0x8000;

  struct Slot {
    std::uint64_t begin = 0;
    std::uint64_t bytes = 0;  // 0: a free slot
    std::uint32_t lkey = 0;
    std::uint32_t next_free = 0;
    bool remote = false;
  };

  bool covers(std::uint32_t lkey, std::uint64_t address, std::uint64_t bytes) const noexcept {
    const std::uint32_t index = lkey & kIndexMask;
    if (index >= slots_.size()) return false;
    const Slot& slot = slots_[index];
    return slot.lkey == lkey && address >= slot.begin && bytes <= slot.bytes &&
           address - slot.begin <= slot.bytes - bytes;
  }

  std::vector<Slot> slots_;
  // The list of free slots, linked by next_free. The longest free slot comes first.
  std::uint32_t first_free_ = 0;
  std::uint32_t last_free_ = 0;
  std::uint32_t free_ = 0;
  std::size_t live_ = 0;
  std::uint32_t salt_;
};

// Its regions and other owners keep a device alive. It may outlive the network.
class Device final : public fabric::Device, public std::enable_shared_from_this<Device> {
 public:
  Device(std::string name, std::uint32_t number)
      : name_(std::move(name)), number_(number), memory_(number * 0x9e37u) {}

  [[nodiscard]] std::string name() const override { return name_; }
  // Errors: device_removed; no_memory at kMaxRegions; invalid_argument for an empty span.
  [[nodiscard]] Result<std::unique_ptr<fabric::MemoryRegion>> register_memory(std::span<std::byte>,
                                                                              fabric::Access) override;

  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }  // unique in its network, from 1
  [[nodiscard]] const MemoryTable& memory() const noexcept { return memory_; }
  [[nodiscard]] bool gone() const noexcept override { return removed_; }
  void remove() noexcept;

 private:
  friend class Region;

  std::string name_;
  std::uint32_t number_;
  MemoryTable memory_;
  bool removed_ = false;
};

}  // namespace srpi::loopback
