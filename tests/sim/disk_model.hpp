// SPDX-License-Identifier: Apache-2.0
// The permitted contents of a logical unit, block by block. Each block is a register with many writers. Its
// history is a list of writes with the moments of submission and end. Two floors exclude old contents:
//
//   visible   the newest submission among the writes that were acknowledged, or seen by a read. It excludes
//             every write that had ended before this submission, failed writes included: an older write must
//             not overwrite a newer one (the fence makes sure of that).
//   durable   the same for acknowledged writes that must survive a power failure.
//
// A write that failed or has not ended may have happened or not. It is a candidate until a floor excludes it.
// Moments are a counter, not a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace srpi::sim {

class DiskModel {
 public:
  DiskModel(std::uint16_t lun, std::uint64_t blocks, std::uint32_t block_size, bool volatile_cache)
      : lun_(lun), block_size_(block_size), volatile_(volatile_cache), blocks_(blocks) {}

  [[nodiscard]] std::uint16_t lun() const noexcept { return lun_; }
  [[nodiscard]] std::uint32_t block_size() const noexcept { return block_size_; }
  [[nodiscard]] std::uint64_t blocks() const noexcept { return blocks_.size(); }
  std::uint64_t moment() noexcept { return ++moment_; }

  // Returns the write's version, which is the moment of its submission. `zeroes`: the blocks read as zeroes
  // afterwards.
  std::uint64_t begin_write(std::uint64_t first, std::uint64_t count, bool zeroes);
  void end_write(std::uint64_t version, std::uint64_t first, std::uint64_t count, bool acknowledged,
                 bool durable);
  void flushed(std::uint64_t submitted);
  void power_failed();

  [[nodiscard]] std::uint64_t floor(std::uint64_t block) const noexcept { return blocks_[block].visible; }
  [[nodiscard]] std::uint64_t durable_floor(std::uint64_t block) const noexcept {
    return blocks_[block].durable;
  }

  void fill(std::uint64_t block, std::uint64_t version, std::span<std::byte>) const noexcept;
  // Returns nullopt if the contents are a candidate, otherwise what is wrong. `floor` is the value at the
  // submission of the read.
  [[nodiscard]] std::optional<std::string> judge(std::uint64_t block, std::span<const std::byte>,
                                                 std::uint64_t floor) const;
  // Between these two calls a read may still return contents that the floors exclude.
  void begin_read() noexcept { ++reads_; }
  void end_read() noexcept { --reads_; }
  // A read has returned these contents. Older contents must not come back.
  void seen(std::uint64_t block, std::span<const std::byte>) noexcept;

 private:
  static constexpr std::uint64_t kNotEnded = ~std::uint64_t{0};
  struct Write {
    std::uint64_t version = 0;  // 0: the initial zeroes
    std::uint64_t end = 0;
    bool zeroes = true;
    bool acknowledged = true;
    bool swept = false;  // sent when the power failed; its answer may be older than the failure
  };
  struct Block {
    std::vector<Write> history{Write{}};
    std::uint64_t visible = 0, durable = 0;
  };
  [[nodiscard]] std::optional<std::uint64_t> version_in(std::uint64_t block,
                                                        std::span<const std::byte>) const noexcept;
  void forget(Block&);

  std::uint16_t lun_;
  std::uint32_t block_size_;
  bool volatile_;
  std::vector<Block> blocks_;
  std::uint64_t moment_ = 0;
  std::uint32_t reads_ = 0;  // reads that have not ended
};

}  // namespace srpi::sim
