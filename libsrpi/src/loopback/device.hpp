// SPDX-License-Identifier: Apache-2.0
// A device of the loopback network: a name and the table of the memory registered with it.
//
// Keys: a slot's index in the low 15 bits, bit 15 tells the rkey from the lkey (a mix-up must not work), the
// slot's generation above. A slot is reused only after all others that are free, with the next generation, so
// that a key of a dead region stays invalid for as long as possible.
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
  void clear() noexcept;  // all keys become invalid
  [[nodiscard]] std::size_t size() const noexcept { return live_; }

  [[nodiscard]] static std::uint32_t rkey_of(std::uint32_t lkey) noexcept { return lkey | kRemoteBit; }

  // The bytes may be touched with this lkey. No bytes at all need no key.
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
    std::uint64_t bytes = 0;  // 0: free, covers nothing
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
  // The free slots, chained through next_free, longest free first.
  std::uint32_t first_free_ = 0;
  std::uint32_t last_free_ = 0;
  std::uint32_t free_ = 0;
  std::size_t live_ = 0;
  std::uint32_t salt_;
};

// Outlives the network if somebody still holds it; its regions keep it alive.
class Device final : public fabric::Device, public std::enable_shared_from_this<Device> {
 public:
  Device(std::string name, std::uint32_t number)
      : name_(std::move(name)), number_(number), memory_(number * 0x9e37u) {}

  [[nodiscard]] std::string name() const override { return name_; }
  // Errors: device_removed; no_memory at kMaxRegions; invalid_argument for an empty span.
  [[nodiscard]] Result<std::unique_ptr<fabric::MemoryRegion>> register_memory(std::span<std::byte>,
                                                                              fabric::Access) override;

  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }  // from 1, unique in its network
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
