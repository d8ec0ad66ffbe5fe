// SPDX-License-Identifier: Apache-2.0
#include "scsi/mode.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scsi/cdb.hpp"

namespace srpi::scsi {
namespace {

// The positions of the fields in the two forms of the header (SPC-4 7.5.5).
struct HeaderLayout {
  const char* command;
  std::size_t size;
  std::size_t length_bytes;  // size of MODE DATA LENGTH, which counts the bytes after it
  std::size_t device_specific_at;
  std::size_t block_descriptors_at;  // BLOCK DESCRIPTOR LENGTH, of the same size
};
constexpr HeaderLayout kHeader6{"MODE SENSE(6)", 4, 1, 2, 3};
constexpr HeaderLayout kHeader10{"MODE SENSE(10)", 8, 2, 3, 6};

constexpr std::size_t kCachingPageBytes = 0x14;

std::size_t length_at(const HeaderLayout& layout, const Reader& in, std::size_t at) {
  return layout.length_bytes == 1 ? in.u8(at) : in.u16(at);
}

void take_page(ModeParameters& out, std::uint8_t page, bool subpage_format, Bytes data) {
  if (page != kModePageCaching || subpage_format || data.empty()) return;
  const Reader in{data};
  out.caching = CachingPage{in.bit(0, 2), in.bit(0, 0)};
}

// Decodes the mode pages, which start at `at`.
Result<> take_pages(ModeParameters& out, const HeaderLayout& layout, const Reader& in, std::size_t at) {
  while (at < in.size()) {
    const auto page = static_cast<std::uint8_t>(in.u8(at) & 0x3f);
    const bool subpage_format = in.bit(at, 6);
    if (page == 0 && !subpage_format) return {};  // a vendor page without page format; always the last page
    const std::size_t header = subpage_format ? 4 : 2;
    const std::size_t length = subpage_format ? in.u16(at + 2) : in.u8(at + 1);
    if (!in.has(at, header + length)) {
      if (out.truncated) {
        take_page(out, page, subpage_format, in.slice(at + header, length));
        return {};
      }
      return protocol_error(fmt::format("{}: page 0x{:02x} at byte {} claims {} bytes, {} left",
                                        layout.command, page, at, header + length, in.size() - at));
    }
    take_page(out, page, subpage_format, in.slice(at + header, length));
    at += header + length;
  }
  return {};
}

Result<ModeParameters> decode(const HeaderLayout& layout, Bytes bytes) {
  if (bytes.size() < layout.size)
    return protocol_error(fmt::format("{}: {} bytes, less than the {} bytes of the header", layout.command,
                                      bytes.size(), layout.size));
  const auto claimed = length_at(layout, Reader{bytes}, 0) + layout.length_bytes;
  if (claimed < layout.size)
    return protocol_error(fmt::format("{}: claims {} bytes, less than the {} bytes of the header",
                                      layout.command, claimed, layout.size));
  const Reader in{bytes.first(std::min(bytes.size(), claimed))};
  ModeParameters out;
  out.truncated = claimed > bytes.size();
  out.write_protected = in.bit(layout.device_specific_at, 7);
  out.dpo_fua = in.bit(layout.device_specific_at, 4);
  const auto block_descriptors = length_at(layout, in, layout.block_descriptors_at);
  if (!in.has(layout.size, block_descriptors)) {
    if (out.truncated) return out;
    return protocol_error(fmt::format("{}: claims {} bytes of block descriptors, {} left", layout.command,
                                      block_descriptors, in.size() - layout.size));
  }
  if (const auto taken = take_pages(out, layout, in, layout.size + block_descriptors); !taken)
    return taken.error();
  return out;
}

std::vector<std::uint8_t> encode(const HeaderLayout& layout, const ModeParameters& parameters) {
  std::vector<std::uint8_t> out(layout.size + (parameters.caching ? kCachingPageBytes : 0));
  out[layout.length_bytes - 1] =
      static_cast<std::uint8_t>(out.size() - layout.length_bytes);  // well below 256
  out[layout.device_specific_at] =
      static_cast<std::uint8_t>((parameters.write_protected ? 0x80 : 0) | (parameters.dpo_fua ? 0x10 : 0));
  if (parameters.caching) {
    auto* page = out.data() + layout.size;
    page[0] = kModePageCaching;
    page[1] = kCachingPageBytes - 2;
    page[2] = static_cast<std::uint8_t>((parameters.caching->write_cache ? 0x04 : 0) |
                                        (parameters.caching->read_cache_disabled ? 0x01 : 0));
  }
  return out;
}

}  // namespace

Result<ModeParameters> decode_mode_sense6(Bytes bytes) { return decode(kHeader6, bytes); }
Result<ModeParameters> decode_mode_sense10(Bytes bytes) { return decode(kHeader10, bytes); }
std::vector<std::uint8_t> encode_mode_sense6(const ModeParameters& p) { return encode(kHeader6, p); }
std::vector<std::uint8_t> encode_mode_sense10(const ModeParameters& p) { return encode(kHeader10, p); }

}  // namespace srpi::scsi
