// SPDX-License-Identifier: Apache-2.0
// The medium of a logical unit: memory that RDMA reads and writes directly, optionally with a volatile cache.
//
// Commands read and write bytes(). With a volatile cache, a second mapping holds the contents of the medium,
// and a bit per block tells where the two may differ. Losing the cache copies these blocks back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "target/config.hpp"
#include "target/mapping.hpp"

namespace srpi::target {

class Disk {
 public:
  // Errors: invalid_argument (a value that LunConfig does not permit), no_memory.
  [[nodiscard]] static Result<std::unique_ptr<Disk>> create(const LunConfig&, bool release_unmapped_pages);

  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_; }
  [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }
  [[nodiscard]] bool volatile_cache() const noexcept { return volatile_cache_; }
  // All memory that the disk may ever use, so that it is registered once. The disk is the first blocks() *
  // block_size() bytes.
  [[nodiscard]] std::span<std::byte> memory() const noexcept { return cache_.bytes(); }
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return memory().first(blocks_ * block_size_); }
  [[nodiscard]] std::byte* at(std::uint64_t lba) const noexcept {
    return memory().data() + lba * block_size_;
  }
  [[nodiscard]] bool contains(std::uint64_t lba, std::uint64_t blocks) const noexcept {
    return lba <= blocks_ && blocks <= blocks_ - lba;
  }

  // Tells that the caller has written these blocks. With `durable`, they must survive lose_cache().
  void written(std::uint64_t lba, std::uint64_t blocks, bool durable) noexcept;
  void flush(std::uint64_t lba, std::uint64_t blocks) noexcept;
  void discard(std::uint64_t lba, std::uint64_t blocks) noexcept;  // makes the blocks read as zeroes
  void fill(std::uint64_t lba, std::uint64_t blocks, const std::byte* block) noexcept;
  void lose_cache() noexcept;
  // Errors: invalid_argument (not a whole number of blocks, 0, or more than max_bytes). Shrinking discards
  // the data.
  [[nodiscard]] Result<> resize(std::uint64_t bytes);

 private:
  Disk() = default;
  [[nodiscard]] std::uint64_t* dirty_words() const noexcept {
    return reinterpret_cast<std::uint64_t*>(dirty_.bytes().data());
  }
  template<class Visit>  // calls visit(lba) for each dirty block and marks all clean
  void clean(std::uint64_t lba, std::uint64_t blocks, Visit visit) noexcept;

  Mapping cache_;
  Mapping medium_;  // with a volatile cache only
  Mapping dirty_;   // with a volatile cache only: one bit per block
  std::uint64_t blocks_ = 0;
  std::uint32_t block_size_ = 0;
  bool volatile_cache_ = false;
  bool release_unmapped_pages_ = false;
};

}  // namespace srpi::target
