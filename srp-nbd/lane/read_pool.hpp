// SPDX-License-Identifier: Apache-2.0
// Registered memory for reads: blocks of 4 KiB to 1 MiB, powers of two, allocated by the buddy method. A
// request takes as many blocks as it needs, large ones first.
//
// Ownership: a block belongs to a request from `take` until the reply is sent to the client.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
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

  // Takes blocks with a total of at least `bytes` and returns their number. Returns 0 if there are not enough
  // free bytes, or only blocks that are too small for the length of `blocks`.
  [[nodiscard]] std::size_t take(std::size_t bytes, std::span<Block> blocks) noexcept;
  void give(std::span<const Block> blocks) noexcept;

 private:
  static constexpr std::uint8_t kNotFree = 0xff;
  using Link = boost::intrusive::link_mode<boost::intrusive::normal_link>;
  // One per smallest block. The first unit of a free block is in the list of the block's order.
  struct Unit : boost::intrusive::list_base_hook<Link> {
    std::uint8_t order = kNotFree;
  };
  using List = boost::intrusive::list<Unit, boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] std::byte* take_one(unsigned order) noexcept;
  void give_one(std::size_t unit, unsigned order) noexcept;
  void push(std::size_t unit, unsigned order) noexcept;
  void unlink(std::size_t unit) noexcept;

  std::span<std::byte> memory_;
  std::vector<Unit> units_;
  std::array<List, kOrders> free_;
};

}  // namespace srp_nbd
