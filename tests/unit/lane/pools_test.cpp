// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "lane/io_memory.hpp"

using namespace srp_nbd;

namespace {

std::size_t bytes_of(std::span<const ReadPool::Block> blocks) {
  return std::accumulate(blocks.begin(), blocks.end(), std::size_t{0},
                         [](std::size_t sum, const auto& b) { return sum + ReadPool::bytes_of(b.order); });
}

// The kernel's flags of the mapping with this address, such as "dd" (not in a core dump).
std::string flags_of(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool is_it = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t first = 0, end = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &first, &end) == 2)
      is_it = first <= wanted && wanted < end;
    if (is_it && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

}  // namespace

TEST_CASE("the data of disks in a lane's memory is neither in a core dump nor in a child") {
  const LaneOptions options;
  const IoMemory memory(options);
  const auto flags = flags_of(memory.mapped.data());
  INFO(flags);
  CHECK(flags.find(" dd") != std::string::npos);
  CHECK(flags.find(" dc") != std::string::npos);
}

TEST_CASE("a read takes few blocks, large ones first, and freed blocks are joined") {
  std::vector<std::byte> memory(2 << 20);
  ReadPool pool(memory);
  std::array<ReadPool::Block, 8> a, b;
  const auto count = pool.take((1 << 20) + 5000, a);
  REQUIRE(count == 2);
  CHECK(ReadPool::bytes_of(a[0].order) == 1 << 20);
  CHECK(ReadPool::bytes_of(a[1].order) == 8192);
  CHECK(a[0].data == memory.data());                      // the lowest addresses first
  CHECK(pool.take(1 << 20, std::span(b).first(1)) == 0);  // there are blocks, but none of that size
  CHECK(pool.take(1 << 20, b) == 0);                      // there are not enough bytes
  pool.give(std::span(a).first(count));
  CHECK(pool.take(2 << 20, std::span(b).first(2)) == 2);
}

TEST_CASE("taken blocks do not overlap") {
  std::vector<std::byte> memory(1 << 20);
  ReadPool pool(memory);
  std::vector<std::vector<ReadPool::Block>> taken;
  std::vector<int> users(256);
  for (std::size_t bytes = 512;; bytes = bytes * 3 % 300000 + 1) {
    std::vector<ReadPool::Block> blocks(16);
    blocks.resize(pool.take(bytes, blocks));
    if (blocks.empty()) break;
    CHECK(bytes_of(blocks) >= bytes);
    for (const auto& block : blocks)
      for (std::size_t i = 0; i < ReadPool::bytes_of(block.order) / 4096; ++i)
        ++users[static_cast<std::size_t>(block.data - memory.data()) / 4096 + i];
    taken.push_back(blocks);
  }
  for (const int u : users) CHECK(u <= 1);
  for (const auto& blocks : taken) pool.give(blocks);
  std::array<ReadPool::Block, 1> whole;
  CHECK(pool.take(1 << 20, whole) == 1);
}

TEST_CASE("a chunk is free when its last reference is released") {
  std::vector<std::byte> memory(2 * 8192);
  ChunkPool pool(memory, 8192);
  auto* const first = pool.take();
  auto* const second = pool.take();
  REQUIRE((first != nullptr && second != nullptr));
  CHECK(pool.take() == nullptr);
  CHECK(&pool.of(second->data + 8191) == second);
  ++first->references;
  CHECK(!pool.release(*first));
  CHECK(pool.free_chunks() == 0);
  CHECK(pool.release(*first));
  CHECK(pool.take() == first);
}
