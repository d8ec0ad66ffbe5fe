// SPDX-License-Identifier: Apache-2.0
// A lane's memory for I/O: one mapping with three pools, registered with the lane's session.
//
//   receive_bytes     chunks that sockets receive into
//   read_bytes        blocks for data of reads
//   small_read_bytes  more blocks, for small reads of connections that hold none, so that slow clients do
//                     not block others
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "lane/chunk_pool.hpp"
#include "lane/lane_options.hpp"
#include "lane/read_pool.hpp"
#include "srpi/session.hpp"

namespace srp_nbd {

class IoMemory {
 public:
  IoMemory() = default;
  ~IoMemory();  // must come before the session's end and after the end of all requests
  IoMemory(const IoMemory&) = delete;
  IoMemory& operator=(const IoMemory&) = delete;

  // Errors: no_memory.
  [[nodiscard]] srpi::Result<> map(const LaneOptions&);
  // Errors: those of Session::register_memory.
  [[nodiscard]] srpi::Result<> register_with(srpi::Session&);

  [[nodiscard]] const srpi::Memory& registered() const noexcept { return *registered_; }
  [[nodiscard]] ChunkPool& chunks() noexcept { return *chunks_; }
  [[nodiscard]] ReadPool& read_blocks() noexcept { return *read_blocks_; }
  [[nodiscard]] ReadPool& small_read_blocks() noexcept { return *small_read_blocks_; }
  // Returns blocks to the pool from which they were taken.
  void give_read_blocks(std::span<const ReadPool::Block>) noexcept;

 private:
  std::span<std::byte> mapped_;
  const std::byte* small_reads_ = nullptr;  // the start of the last pool
  std::optional<ChunkPool> chunks_;
  std::optional<ReadPool> read_blocks_, small_read_blocks_;
  std::unique_ptr<srpi::Memory> registered_;  // all of mapped_
};

}  // namespace srp_nbd
