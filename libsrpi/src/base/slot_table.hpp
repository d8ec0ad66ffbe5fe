// SPDX-License-Identifier: Apache-2.0
// A fixed number of slots. A handle contains the slot's generation and the table's number, so it matches only
// one use of one slot in one table.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.hpp"

namespace srpi::base {

template<class T>
class SlotTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  static constexpr std::uint32_t kMostSlots = 1u << 16;

  explicit SlotTable(std::uint32_t slots, std::uint16_t number = 0) : slots_(slots) {
    SRPI_CHECK(slots <= kMostSlots);
    free_.reserve(slots);
    for (std::uint32_t i = slots; i-- > 0;) {
      slots_[i].handle = std::uint64_t{number} << 16 | i;
      free_.push_back(i);
    }
  }
  [[nodiscard]] bool full() const noexcept { return free_.empty(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] std::uint32_t used() const noexcept {
    return size() - static_cast<std::uint32_t>(free_.size());
  }

  // Precondition: the table is not full.
  std::uint32_t take(T value) noexcept {
    SRPI_CHECK(!free_.empty());
    const auto index = free_.back();
    free_.pop_back();
    slots_[index].value = value;
    slots_[index].taken = true;
    return index;
  }
  void release(std::uint32_t index) noexcept {
    SRPI_CHECK(slots_[index].taken);
    slots_[index].taken = false;
    slots_[index].handle += std::uint64_t{1} << 32;
    free_.push_back(index);  // does not allocate: the capacity is reserved
  }
  // From the most significant bit: generation (32 bits), the table's number (16), index (16).
  [[nodiscard]] std::uint64_t handle(std::uint32_t index) const noexcept { return slots_[index].handle; }
  // The value of a valid handle, otherwise nullptr.
  [[nodiscard]] T* find(std::uint64_t handle) noexcept {
    const auto index = static_cast<std::uint16_t>(handle);
    if (index >= slots_.size()) return nullptr;
    auto& slot = slots_[index];
    return slot.taken && slot.handle == handle ? &slot.value : nullptr;
  }

 private:
  struct Slot {
    T value{};
    std::uint64_t handle = 0;
    bool taken = false;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace srpi::base
