// SPDX-License-Identifier: Apache-2.0
#include "lane/io_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <system_error>

namespace srp_nbd {

namespace {

std::span<std::byte> map_memory(std::size_t bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), fmt::format("{} bytes of I/O memory", bytes));
  // The memory holds data of disks: none of it in a core dump, and none in a child.
  ::madvise(mapped, bytes, MADV_DONTDUMP);
  ::madvise(mapped, bytes, MADV_DONTFORK);
  return {static_cast<std::byte*>(mapped), bytes};
}

}  // namespace

ReadPool::ReadPool(std::span<std::byte> memory) : memory_(memory), units_(memory.size() / kSmallestBytes) {
  constexpr std::size_t kUnitsOfLargest = std::size_t{1} << (kOrders - 1);
  // Backwards, so that the lowest addresses are used first and unneeded memory stays untouched.
  for (std::size_t i = units_.size(); i >= kUnitsOfLargest; i -= kUnitsOfLargest)
    push(i - kUnitsOfLargest, kOrders - 1);
}

void ReadPool::push(std::size_t unit, unsigned order) noexcept {
  units_[unit].order = static_cast<std::uint8_t>(order);
  free_[order].push_front(units_[unit]);
}

void ReadPool::unlink(std::size_t unit) noexcept {
  free_[units_[unit].order].erase(List::s_iterator_to(units_[unit]));
  units_[unit].order = kNotFree;
}

std::byte* ReadPool::take_one(unsigned order) noexcept {
  unsigned from = order;
  while (from < kOrders && free_[from].empty()) ++from;
  if (from == kOrders) return nullptr;
  const auto unit = static_cast<std::size_t>(&free_[from].front() - units_.data());
  unlink(unit);
  while (from > order) {
    --from;
    push(unit + (std::size_t{1} << from), from);
  }
  return memory_.data() + unit * kSmallestBytes;
}

void ReadPool::give_one(std::size_t unit, unsigned order) noexcept {
  while (order + 1 < kOrders) {
    const std::size_t buddy = unit ^ (std::size_t{1} << order);
    if (units_[buddy].order != order) break;
    unlink(buddy);
    unit = std::min(unit, buddy);
    ++order;
  }
  push(unit, order);
}

std::size_t ReadPool::take(std::size_t bytes, std::span<Block> blocks) noexcept {
  std::size_t count = 0;
  unsigned order = kOrders - 1;
  while (bytes > 0) {
    const std::size_t units = (bytes + kSmallestBytes - 1) / kSmallestBytes;
    order = std::min(order, static_cast<unsigned>(std::bit_width(units - 1)));
    std::byte* data = nullptr;
    if (count < blocks.size())
      while ((data = take_one(order)) == nullptr && order > 0) --order;
    if (data == nullptr) {
      give(blocks.first(count));
      return 0;
    }
    blocks[count++] = {data, order};
    bytes -= std::min(bytes, bytes_of(order));
  }
  return count;
}

void ReadPool::give(std::span<const Block> blocks) noexcept {
  for (const auto& block : blocks)
    give_one(static_cast<std::size_t>(block.data - memory_.data()) / kSmallestBytes, block.order);
}

IoMemory::IoMemory(const LaneOptions& o)
    : mapped(map_memory(o.receive_bytes + o.read_bytes + o.small_read_bytes)),
      chunks(mapped.first(o.receive_bytes), o.receive_chunk_bytes),
      read_blocks(mapped.subspan(o.receive_bytes, o.read_bytes)),
      small_read_blocks(mapped.last(o.small_read_bytes)) {}

IoMemory::~IoMemory() {
  registered.reset();
  ::munmap(mapped.data(), mapped.size());
}

}  // namespace srp_nbd
