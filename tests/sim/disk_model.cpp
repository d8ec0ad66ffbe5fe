// SPDX-License-Identifier: Apache-2.0
#include "disk_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace srpi::sim {
namespace {

// A block consists of equal stamps, so that a torn block is recognised.
struct Stamp {
  std::uint64_t place;
  std::uint64_t version;
};

}  // namespace

std::uint64_t DiskModel::begin_write(std::uint64_t first, std::uint64_t count, bool zeroes) {
  const auto version = moment();
  for (auto i = first; i < first + count; ++i)
    blocks_[i].history.push_back(
        {.version = version, .end = kNotEnded, .zeroes = zeroes, .acknowledged = false});
  return version;
}

void DiskModel::end_write(std::uint64_t version, std::uint64_t first, std::uint64_t count, bool acknowledged,
                          bool durable) {
  const auto end = moment();
  for (auto i = first; i < first + count; ++i) {
    auto& block = blocks_[i];
    bool counts = acknowledged;
    for (auto& write : block.history) {
      if (write.version != version) continue;
      counts = acknowledged && (durable || !write.swept);
      write.end = end;
      write.acknowledged = counts;
    }
    if (!counts) continue;
    block.visible = std::max(block.visible, version);
    if (durable || !volatile_) block.durable = std::max(block.durable, version);
    forget(block);
  }
}

void DiskModel::flushed(std::uint64_t submitted) {
  for (auto& block : blocks_) {
    for (const auto& write : block.history)
      if (write.acknowledged && write.end < submitted) block.durable = std::max(block.durable, write.version);
    forget(block);
  }
}

void DiskModel::power_failed() {
  if (!volatile_) return;
  for (auto& block : blocks_) {
    block.visible = block.durable;
    for (auto& write : block.history) {
      write.swept |= write.end == kNotEnded;
      if (write.version > block.durable)
        write.acknowledged = false;  // perhaps lost; a later flush cannot save it
    }
  }
}

void DiskModel::forget(Block& block) {
  if (reads_ > 0) return;
  std::erase_if(block.history,
                [&](const Write& w) { return w.end < std::min(block.visible, block.durable); });
}

void DiskModel::fill(std::uint64_t block, std::uint64_t version, std::span<std::byte> to) const noexcept {
  const Stamp stamp{std::uint64_t{lun_} << 48 | block, version};
  for (std::size_t at = 0; at < to.size(); at += sizeof stamp)
    std::memcpy(to.data() + at, &stamp, sizeof stamp);
}

// The version of a block; nullopt if the block is torn or misplaced. Zeroes are version 0.
std::optional<std::uint64_t> DiskModel::version_in(std::uint64_t block,
                                                   std::span<const std::byte> bytes) const noexcept {
  Stamp stamp;
  std::memcpy(&stamp, bytes.data(), sizeof stamp);
  if (std::memcmp(bytes.data(), bytes.data() + sizeof stamp, bytes.size() - sizeof stamp) != 0)
    return std::nullopt;
  if (stamp.place == 0 && stamp.version == 0) return 0;
  if (stamp.place != (std::uint64_t{lun_} << 48 | block)) return std::nullopt;
  return stamp.version;
}

std::optional<std::string> DiskModel::judge(std::uint64_t block, std::span<const std::byte> bytes,
                                            std::uint64_t floor) const {
  const auto version = version_in(block, bytes);
  if (version)
    for (const auto& write : blocks_[block].history)
      if ((*version == 0 ? write.zeroes : write.version == *version && !write.zeroes) && write.end >= floor)
        return std::nullopt;
  Stamp stamp;
  std::memcpy(&stamp, bytes.data(), sizeof stamp);
  std::string candidates;
  for (const auto& write : blocks_[block].history)
    if (write.end >= floor)
      candidates += fmt::format("{}{}{}", candidates.empty() ? "" : ", ", write.zeroes ? "zeroes of " : "",
                                write.version);
  return fmt::format(
      "LUN {} block {}: {}; possible are versions {}", lun_, block,
      version ? fmt::format("version {}", *version)
              : fmt::format("torn or misplaced (position {:x}, version {:x})", stamp.place, stamp.version),
      candidates);
}

void DiskModel::seen(std::uint64_t block, std::span<const std::byte> bytes) noexcept {
  const auto version = version_in(block, bytes);
  if (version && *version != 0) blocks_[block].visible = std::max(blocks_[block].visible, *version);
}

}  // namespace srpi::sim
