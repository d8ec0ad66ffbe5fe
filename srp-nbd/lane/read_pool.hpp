// SPDX-License-Identifier: Apache-2.0
// Registered memory for what is read: blocks of 4 KiB to 1 MiB, powers of two, by the buddy method. A request takes
// as many blocks as it needs, large ones first. Ownership: a block is a request's from take until its reply has gone
// out to the client.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace srp_nbd {

class ReadPool {
 public:
  static constexpr unsigned kOrders = 9;  // 4 KiB << 0 … 4 KiB << 8
  static constexpr std::size_t kSmallestBytes = 4096;
  static constexpr std::size_t bytes_of(unsigned order) noexcept { return kSmallestBytes << order; }

  struct Block {
    std::byte* data = nullptr;
    std::uint32_t order = 0;
  };

  explicit ReadPool(std::span<std::byte> memory);  // whole MiB, aligned to a page

  // Takes blocks of at least `bytes` in all into `blocks`; returns how many, or 0 when that many bytes, or that few
  // pieces, are not free now.
  [[nodiscard]] std::size_t take(std::size_t bytes, std::span<Block> blocks) noexcept;
  void give(std::span<const Block> blocks) noexcept;

 private:
  static constexpr std::uint32_t kNone = ~0u;
  static constexpr std::uint8_t kNotFree = 0xff;
  struct Unit {  // one for each smallest block; that of a free block's beginning carries its links
    std::uint32_t next = kNone, previous = kNone;
    std::uint8_t order = kNotFree;
  };
  [[nodiscard]] std::byte* take_one(unsigned order) noexcept;
  void give_one(std::uint32_t unit, unsigned order) noexcept;
  void push(std::uint32_t unit, unsigned order) noexcept;
  void unlink(std::uint32_t unit) noexcept;

  std::span<std::byte> memory_;
  std::vector<Unit> units_;
  std::array<std::uint32_t, kOrders> first_;
};

}  // namespace srp_nbd
