// SPDX-License-Identifier: Apache-2.0
// READ CAPACITY (10) and (16) parameter data (SBC-3 5.15, 5.16).
#pragma once

#include <cstdint>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

struct Capacity {
  std::uint64_t blocks = 0;            // last LBA + 1; not zero when decoded
  std::uint32_t block_size = 512;      // bytes
  std::uint8_t physical_exponent = 0;  // a physical block is 2^this logical ones
  std::uint16_t lowest_aligned_lba = 0;
  bool provisioning_managed = false;  // LBPME: thin or resource provisioned
  bool reads_zeroes = false;          // LBPRZ
  std::uint8_t protection_type = 0;   // 0: none; 1-3

  [[nodiscard]] std::uint64_t last_lba() const noexcept { return blocks - 1; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return blocks * block_size; }
  friend bool operator==(const Capacity&, const Capacity&) = default;
};

inline constexpr std::size_t kReadCapacity10Bytes = 8;
inline constexpr std::size_t kReadCapacity16Bytes = 32;

// Both decoders refuse (protocol_error) a block size of zero and a size of 2^63 bytes or more. So
// size_bytes() of a decoded capacity does not overflow and fits a file offset.

struct Capacity10 {
  Capacity capacity;
  bool too_large =
      false;  // the last LBA does not fit 32 bits: ask READ CAPACITY(16). `capacity` has the block size only
};
// protocol_error: less than 8 bytes.
[[nodiscard]] Result<Capacity10> decode_read_capacity10(Bytes);
// protocol_error: less than 12 bytes. Later fields that were not received are zero.
[[nodiscard]] Result<Capacity> decode_read_capacity16(Bytes);

[[nodiscard]] std::vector<std::uint8_t> encode_read_capacity10(const Capacity&);
[[nodiscard]] std::vector<std::uint8_t> encode_read_capacity16(const Capacity&);

}  // namespace srpi::scsi
