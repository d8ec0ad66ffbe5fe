// SPDX-License-Identifier: Apache-2.0
// A fixed number of slots with generations: a handle from an earlier use of a slot never matches a later one.
#pragma once

#include <cstdint>
#include <vector>

#include "base/check.hpp"

namespace srpi::base {

template <class T>
class SlotTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  explicit SlotTable(std::uint32_t slots) : slots_(slots) {
    free_.reserve(slots);
    for (std::uint32_t i = slots; i-- > 0;) free_.push_back(i);
  }
  [[nodiscard]] bool full() const noexcept { return free_.empty(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] std::uint32_t used() const noexcept { return size() - static_cast<std::uint32_t>(free_.size()); }

  // Permitted while not full.
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
    ++slots_[index].generation;
    free_.push_back(index);  // capacity was reserved
  }
  // Index in the lower half, generation in the upper.
  [[nodiscard]] std::uint64_t handle(std::uint32_t index) const noexcept {
    return std::uint64_t{slots_[index].generation} << 32 | index;
  }
  // The slot of a handle that is still valid, else nullptr.
  [[nodiscard]] T* find(std::uint64_t handle) noexcept {
    const auto index = static_cast<std::uint32_t>(handle);
    if (index >= slots_.size()) return nullptr;
    auto& slot = slots_[index];
    return slot.taken && slot.generation == static_cast<std::uint32_t>(handle >> 32) ? &slot.value : nullptr;
  }

 private:
  struct Slot {
    T value{};
    std::uint32_t generation = 0;
    bool taken = false;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace srpi::base
