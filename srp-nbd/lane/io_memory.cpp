// SPDX-License-Identifier: Apache-2.0
#include "lane/io_memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

namespace srp_nbd {

IoMemory::~IoMemory() {
  registered_.reset();
  if (!mapped_.empty()) ::munmap(mapped_.data(), mapped_.size());
}

srpi::Result<> IoMemory::map(const LaneOptions& options) {
  const std::size_t bytes = options.memory_bytes();
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return srpi::Error{srpi::Errc::no_memory,
                       fmt::format("{} bytes of I/O memory: {}", bytes, std::strerror(errno))};
  mapped_ = {static_cast<std::byte*>(mapped), bytes};
  const auto small_reads = mapped_.last(options.small_read_bytes);
  small_reads_ = small_reads.data();
  chunks_.emplace(mapped_.first(options.receive_bytes), options.receive_chunk_bytes);
  read_blocks_.emplace(mapped_.subspan(options.receive_bytes, options.read_bytes));
  small_read_blocks_.emplace(small_reads);
  return {};
}

srpi::Result<> IoMemory::register_with(srpi::Session& session) {
  auto registered = session.register_memory(mapped_);
  if (registered.has_error()) return registered.error();
  registered_ = std::move(*registered);
  return {};
}

void IoMemory::give_read_blocks(std::span<const ReadPool::Block> blocks) noexcept {
  (blocks.front().data < small_reads_ ? read_blocks_ : small_read_blocks_)->give(blocks);
}

}  // namespace srp_nbd
