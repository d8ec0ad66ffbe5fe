// SPDX-License-Identifier: Apache-2.0
#include "scsi/capacity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace srpi::scsi {
namespace {

// Sets blocks and block_size. The size in bytes must fit a signed 64-bit offset.
Result<> set_size(Capacity& capacity, const char* command, std::uint64_t last_lba, std::uint32_t block_size) {
  constexpr std::uint64_t kMaxBytes = std::numeric_limits<std::int64_t>::max();
  if (block_size == 0) return protocol_error(fmt::format("{}: blocks of 0 bytes", command));
  if (last_lba >= kMaxBytes / block_size)
    return protocol_error(fmt::format("{}: last LBA {} with blocks of {} bytes makes 2^63 bytes or more",
                                      command, last_lba, block_size));
  capacity.blocks = last_lba + 1;
  capacity.block_size = block_size;
  return {};
}

}  // namespace

Result<Capacity10> decode_read_capacity10(Bytes bytes) {
  if (bytes.size() < kReadCapacity10Bytes)
    return protocol_error(
        fmt::format("READ CAPACITY(10): {} bytes, expected {}", bytes.size(), kReadCapacity10Bytes));
  const Reader in{bytes};
  Capacity10 out;
  out.too_large = in.u32(0) == 0xffffffffu;
  if (const auto set = set_size(out.capacity, "READ CAPACITY(10)", in.u32(0), in.u32(4)); !set)
    return set.error();
  if (out.too_large) out.capacity.blocks = 0;
  return out;
}

Result<Capacity> decode_read_capacity16(Bytes bytes) {
  if (bytes.size() < 12)
    return protocol_error(fmt::format("READ CAPACITY(16): {} bytes, expected {}, at least 12", bytes.size(),
                                      kReadCapacity16Bytes));
  const Reader in{bytes};
  Capacity out;
  if (const auto set = set_size(out, "READ CAPACITY(16)", in.u64(0), in.u32(8)); !set) return set.error();
  if (in.bit(12, 0))
    out.protection_type = static_cast<std::uint8_t>((in.u8(12) >> 1 & 7) + 1);  // P_TYPE counts from 0
  out.physical_exponent = in.u8(13) & 0xf;
  out.provisioning_managed = in.bit(14, 7);
  out.reads_zeroes = in.bit(14, 6);
  out.lowest_aligned_lba = in.u16(14) & 0x3fff;
  return out;
}

std::vector<std::uint8_t> encode_read_capacity10(const Capacity& capacity) {
  std::vector<std::uint8_t> out(kReadCapacity10Bytes);
  store(&out[0], static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity.last_lba(), 0xffffffffu)));
  store(&out[4], capacity.block_size);
  return out;
}

std::vector<std::uint8_t> encode_read_capacity16(const Capacity& capacity) {
  std::vector<std::uint8_t> out(kReadCapacity16Bytes);
  store(&out[0], capacity.last_lba());
  store(&out[8], capacity.block_size);
  if (capacity.protection_type != 0)
    out[12] = static_cast<std::uint8_t>((capacity.protection_type - 1) << 1 & 0xe) | 1;
  out[13] = capacity.physical_exponent & 0xf;
  store(&out[14], static_cast<std::uint16_t>((capacity.lowest_aligned_lba & 0x3fffu) |
                                             (capacity.provisioning_managed ? 0x8000u : 0u) |
                                             (capacity.reads_zeroes ? 0x4000u : 0u)));
  return out;
}

}  // namespace srpi::scsi
