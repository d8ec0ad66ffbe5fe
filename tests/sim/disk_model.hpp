// SPDX-License-Identifier: Apache-2.0
// What a logical unit may contain, block by block. Each block is a register with many writers: its history is
// a list of writes with the moments of submission and end. Two floors say what cannot be there any more:
//
//   visible   the newest submission among the writes that were acknowledged, or seen by a read. Whatever
//   ended before
//             that submission was there earlier and is gone: this also holds for writes that failed, since no
//             older write may overwrite a newer one (that is what fencing is for).
//   durable   the same for the acknowledged writes that a power failure must not take back.
//
// A write that has not ended, or that failed, may or may not have happened: it stays a candidate until a
// floor passes it. Moments are counted, not timed.
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

  // A write's version is the moment of its submission. `zeroes`: its blocks read as zeroes afterwards.
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
  // What is wrong with the contents; `floor`: as it was when the read was submitted. Nothing: they are a
  // candidate.
  [[nodiscard]] std::optional<std::string> judge(std::uint64_t block, std::span<const std::byte>,
                                                 std::uint64_t floor) const;
  // Between these two a read may still return what the floors have passed.
  void begin_read() noexcept { ++reads_; }
  void end_read() noexcept { --reads_; }
  // A read that ended has seen these contents: older ones cannot come back.
  void seen(std::uint64_t block, std::span<const std::byte>) noexcept;

 private:
  static constexpr std::uint64_t kNotEnded = ~std::uint64_t{0};
  struct Write {
    std::uint64_t version = 0;  // 0: the zeroes that were there from the start
    std::uint64_t end = 0;
    bool zeroes = true;
    bool acknowledged = true;
    bool swept = false;  // under way when the power failed: its answer may be older than the failure
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
  std::uint32_t reads_ = 0;  // under way
};

}  // namespace srpi::sim
