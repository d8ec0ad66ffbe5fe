// SPDX-License-Identifier: Apache-2.0
#include "target/disk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace srpi::target {

namespace {
constexpr std::uint64_t kMaxDiskBytes = std::uint64_t{1} << 47;  // the limit of a process's address space
}

Result<std::unique_ptr<Disk>> Disk::create(const LunConfig& config, bool release_unmapped_pages) {
  const auto wrong = [&](const char* what) {
    return Error{Errc::invalid_argument, fmt::format("LUN {}: {} bytes in blocks of {}: {}", config.number,
                                                     config.bytes, config.block_size, what)};
  };
  if (config.number > kMostLun) return wrong("the LUN must be at most 1023");
  if (!std::has_single_bit(config.block_size) || config.block_size < 512 || config.block_size > 4096)
    return wrong("block_size must be 512, 1024, 2048 or 4096");
  if (config.bytes == 0 || config.bytes % config.block_size != 0)
    return wrong("not a whole number of blocks");
  if (config.max_bytes % config.block_size != 0) return wrong("max_bytes is not a whole number of blocks");
  const std::uint64_t room = std::max(config.bytes, config.max_bytes);
  if (room >= kMaxDiskBytes) return wrong("a RAM disk must be smaller than 128 TiB");

  std::unique_ptr<Disk> disk(new Disk);
  auto cache = Mapping::create(room);
  if (!cache) return cache.error();
  disk->cache_ = std::move(*cache);
  if (config.volatile_cache) {
    auto medium = Mapping::create(room);
    if (!medium) return medium.error();
    auto dirty = Mapping::create((room / config.block_size + 63) / 64 * 8);
    if (!dirty) return dirty.error();
    disk->medium_ = std::move(*medium);
    disk->dirty_ = std::move(*dirty);
  }
  disk->blocks_ = config.bytes / config.block_size;
  disk->block_size_ = config.block_size;
  disk->volatile_cache_ = config.volatile_cache;
  disk->release_unmapped_pages_ = release_unmapped_pages;
  return disk;
}

void Disk::written(std::uint64_t lba, std::uint64_t blocks, bool durable) noexcept {
  if (!volatile_cache_) return;
  for (std::uint64_t i = lba; i < lba + blocks; ++i) dirty_words()[i / 64] |= std::uint64_t{1} << i % 64;
  if (durable) flush(lba, blocks);
}

template<class Visit>
void Disk::clean(std::uint64_t lba, std::uint64_t blocks, Visit visit) noexcept {
  const std::uint64_t end = lba + blocks;
  while (lba < end) {
    std::uint64_t& word = dirty_words()[lba / 64];
    if (word == 0) {
      lba = (lba / 64 + 1) * 64;
      continue;
    }
    const std::uint64_t bit = std::uint64_t{1} << lba % 64;
    if (word & bit) {
      word &= ~bit;
      visit(lba);
    }
    ++lba;
  }
}

void Disk::flush(std::uint64_t lba, std::uint64_t blocks) noexcept {
  if (!volatile_cache_) return;
  clean(lba, blocks,
        [&](std::uint64_t i) { std::memcpy(medium_.bytes().data() + i * block_size_, at(i), block_size_); });
}

void Disk::lose_cache() noexcept {
  if (!volatile_cache_) return;
  clean(0, blocks_,
        [&](std::uint64_t i) { std::memcpy(at(i), medium_.bytes().data() + i * block_size_, block_size_); });
}

void Disk::discard(std::uint64_t lba, std::uint64_t blocks) noexcept {
  cache_.clear(lba * block_size_, blocks * block_size_, release_unmapped_pages_);
  if (!volatile_cache_) return;
  // Unmapping is durable at once. That is permitted, and setting a bit for each of up to 2^32 blocks would
  // take long.
  medium_.clear(lba * block_size_, blocks * block_size_, true);
  clean(lba, blocks, [](std::uint64_t) {});
}

void Disk::fill(std::uint64_t lba, std::uint64_t blocks, const std::byte* block) noexcept {
  for (std::uint64_t i = 0; i < blocks; ++i) std::memcpy(at(lba + i), block, block_size_);
  written(lba, blocks, false);
}

Result<> Disk::resize(std::uint64_t bytes) {
  if (bytes == 0 || bytes % block_size_ != 0 || bytes > memory().size())
    return Error{Errc::invalid_argument,
                 fmt::format("a size of {} bytes: this disk can have 1 to {} blocks of {} bytes", bytes,
                             memory().size() / block_size_, block_size_)};
  const std::uint64_t blocks = bytes / block_size_;
  if (blocks < blocks_) discard(blocks, blocks_ - blocks);
  blocks_ = blocks;
  return {};
}

}  // namespace srpi::target
