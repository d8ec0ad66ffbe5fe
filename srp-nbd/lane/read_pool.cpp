// SPDX-License-Identifier: Apache-2.0
#include "lane/read_pool.hpp"

#include <algorithm>
#include <bit>

namespace srp_nbd {

ReadPool::ReadPool(std::span<std::byte> memory) : memory_(memory), units_(memory.size() / kSmallestBytes) {
  first_.fill(kNone);
  constexpr std::uint32_t kUnitsOfLargest = 1u << (kOrders - 1);
  // Backwards, so that the lowest addresses are used first and untouched memory stays untouched.
  for (std::size_t i = units_.size(); i >= kUnitsOfLargest; i -= kUnitsOfLargest)
    push(static_cast<std::uint32_t>(i - kUnitsOfLargest), kOrders - 1);
}

void ReadPool::push(std::uint32_t unit, unsigned order) noexcept {
  units_[unit] = {first_[order], kNone, static_cast<std::uint8_t>(order)};
  if (first_[order] != kNone) units_[first_[order]].previous = unit;
  first_[order] = unit;
}

void ReadPool::unlink(std::uint32_t unit) noexcept {
  const Unit u = units_[unit];
  if (u.previous != kNone)
    units_[u.previous].next = u.next;
  else
    first_[u.order] = u.next;
  if (u.next != kNone) units_[u.next].previous = u.previous;
  units_[unit].order = kNotFree;
}

std::byte* ReadPool::take_one(unsigned order) noexcept {
  unsigned from = order;
  while (from < kOrders && first_[from] == kNone) ++from;
  if (from == kOrders) return nullptr;
  const std::uint32_t unit = first_[from];
  unlink(unit);
  while (from > order) {
    --from;
    push(unit + (1u << from), from);
  }
  return memory_.data() + std::size_t{unit} * kSmallestBytes;
}

void ReadPool::give_one(std::uint32_t unit, unsigned order) noexcept {
  while (order + 1 < kOrders) {
    const std::uint32_t buddy = unit ^ (1u << order);
    if (units_[buddy].order != order) break;
    unlink(buddy);
    unit = std::min(unit, buddy);
    ++order;
  }
  push(unit, order);
}

std::size_t ReadPool::take(std::size_t bytes, std::span<Block> blocks) noexcept {
  std::size_t count = 0;
  unsigned largest = kOrders - 1;
  while (bytes > 0) {
    const std::size_t units = (bytes + kSmallestBytes - 1) / kSmallestBytes;
    unsigned order = std::min<unsigned>(largest, static_cast<unsigned>(std::bit_width(units - 1)));
    std::byte* data = nullptr;
    if (count < blocks.size()) {
      while ((data = take_one(order)) == nullptr && order > 0) --order;
    }
    if (data == nullptr) {
      give(blocks.first(count));
      return 0;
    }
    largest = order;
    blocks[count++] = {data, order};
    bytes -= std::min(bytes, bytes_of(order));
  }
  return count;
}

void ReadPool::give(std::span<const Block> blocks) noexcept {
  for (const auto& block : blocks)
    give_one(static_cast<std::uint32_t>((block.data - memory_.data()) /
                                        static_cast<std::ptrdiff_t>(kSmallestBytes)),
             block.order);
}

}  // namespace srp_nbd
