// SPDX-License-Identifier: Apache-2.0
#include "scsi/unmap.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace srpi::scsi {

Result<std::size_t> encode_unmap_list(std::span<const UnmapRange> ranges, std::span<std::uint8_t> out) {
  if (ranges.size() > kMaxUnmapDescriptors)
    return Error{Errc::too_large, fmt::format("UNMAP: {} descriptors, at most {} fit a parameter list",
                                              ranges.size(), kMaxUnmapDescriptors)};
  const auto size = unmap_list_bytes(ranges.size());
  if (out.size() < size)
    return Error{Errc::invalid_argument,
                 fmt::format("UNMAP: a list of {} bytes does not fit {} bytes", size, out.size())};
  std::fill_n(out.begin(), size, std::uint8_t{0});
  store(&out[0], static_cast<std::uint16_t>(size - 2));  // UNMAP DATA LENGTH counts the bytes after it
  store(&out[2], static_cast<std::uint16_t>(size - kUnmapHeaderBytes));  // BLOCK DESCRIPTOR DATA LENGTH
  auto* at = out.data() + kUnmapHeaderBytes;
  for (const auto& range : ranges) {
    store(at, range.lba);
    store(at + 8, range.blocks);
    at += kUnmapDescriptorBytes;
  }
  return size;
}

Result<std::vector<UnmapRange>> decode_unmap_list(Bytes bytes) {
  if (bytes.empty()) return std::vector<UnmapRange>{};
  const Reader in{bytes};
  if (bytes.size() < kUnmapHeaderBytes)
    return protocol_error(fmt::format("UNMAP list: {} bytes, less than the {} bytes of the header",
                                      bytes.size(), kUnmapHeaderBytes));
  const std::size_t data = std::size_t{in.u16(0)} + 2;
  const std::size_t descriptors = in.u16(2);
  if (data > bytes.size())
    return protocol_error(fmt::format("UNMAP list: claims {} bytes, {} received", data, bytes.size()));
  if (descriptors % kUnmapDescriptorBytes != 0 || kUnmapHeaderBytes + descriptors > data)
    return protocol_error(
        fmt::format("UNMAP list: {} bytes of descriptors in a list of {} bytes", descriptors, data));
  std::vector<UnmapRange> ranges;
  ranges.reserve(descriptors / kUnmapDescriptorBytes);
  for (std::size_t at = kUnmapHeaderBytes; at < kUnmapHeaderBytes + descriptors; at += kUnmapDescriptorBytes)
    ranges.push_back({in.u64(at), in.u32(at + 8)});
  return ranges;
}

}  // namespace srpi::scsi
