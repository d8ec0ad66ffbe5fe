// SPDX-License-Identifier: Apache-2.0
// UNMAP's parameter list (SBC-3 5.28): which blocks the target may forget.
#pragma once

#include <cstdint>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

struct UnmapRange {
  std::uint64_t lba = 0;
  std::uint32_t blocks = 0;
  friend bool operator==(const UnmapRange&, const UnmapRange&) = default;
};

inline constexpr std::size_t kUnmapHeaderBytes = 8;
inline constexpr std::size_t kUnmapDescriptorBytes = 16;
// What the list's 16-bit length fields can say.
inline constexpr std::size_t kMaxUnmapDescriptors = (0xffff - kUnmapHeaderBytes) / kUnmapDescriptorBytes;

[[nodiscard]] constexpr std::size_t unmap_list_bytes(std::size_t descriptors) noexcept {
  return kUnmapHeaderBytes + descriptors * kUnmapDescriptorBytes;
}

// Writes the list into `out` (the command's registered buffer) and returns its length.
// Errors: too_large (more than kMaxUnmapDescriptors), invalid_argument (`out` is too small).
[[nodiscard]] Result<std::size_t> encode_unmap_list(std::span<const UnmapRange>, std::span<std::uint8_t> out);

// protocol_error: shorter than its lengths say (a target answers INVALID FIELD IN PARAMETER LIST), or not a
// whole number of descriptors. An empty list is permitted, and so are descriptors of zero blocks.
[[nodiscard]] Result<std::vector<UnmapRange>> decode_unmap_list(Bytes);

}  // namespace srpi::scsi
