// SPDX-License-Identifier: Apache-2.0
// The parameter list of UNMAP (SBC-3 5.28): the blocks that the target may deallocate.
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
// The limit of the list's 16-bit length fields.
inline constexpr std::size_t kMaxUnmapDescriptors = (0xffff - kUnmapHeaderBytes) / kUnmapDescriptorBytes;

[[nodiscard]] constexpr std::size_t unmap_list_bytes(std::size_t descriptors) noexcept {
  return kUnmapHeaderBytes + descriptors * kUnmapDescriptorBytes;
}

// Writes the list to `out`, the command's registered buffer, and returns its length.
// Errors: too_large (more than kMaxUnmapDescriptors), invalid_argument (`out` is too small).
[[nodiscard]] Result<std::size_t> encode_unmap_list(std::span<const UnmapRange>, std::span<std::uint8_t> out);

// protocol_error: the list is shorter than its length fields, or not a whole number of descriptors. The
// target answers INVALID FIELD IN PARAMETER LIST then. An empty list and descriptors of zero blocks are
// permitted.
[[nodiscard]] Result<std::vector<UnmapRange>> decode_unmap_list(Bytes);

}  // namespace srpi::scsi
