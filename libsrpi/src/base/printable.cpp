// SPDX-License-Identifier: Apache-2.0
#include "srpi/printable.hpp"

#include <algorithm>
#include <cstdint>

namespace srpi {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
}

// The code points that do not show, or that show other text in another order.
bool is_hidden(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kHidden[] = {{0x00, 0x1f},     {0x7f, 0x9f},       {0xad, 0xad},
                                      {0x061c, 0x061c}, {0x200b, 0x200f},   {0x2028, 0x202e},
                                      {0x2060, 0x206f}, {0xd800, 0xf8ff},   {0xfeff, 0xfeff},
                                      {0xfff0, 0xffff}, {0xe0000, 0x1fffff}};
  return std::ranges::any_of(kHidden, [c](const Range& r) { return c >= r.first && c <= r.last; });
}

// The bytes of the printable character that the text begins with; 0: it begins with none.
std::size_t printable_bytes(std::string_view text) {
  const auto first = byte_at(text, 0);
  const std::size_t bytes = first < 0x80         ? 1
                            : first >> 5 == 0x6  ? 2
                            : first >> 4 == 0xe  ? 3
                            : first >> 3 == 0x1e ? 4
                                                 : 0;
  if (bytes == 0) return 0;
  char32_t c = bytes == 1 ? first : first & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (byte_at(text, i) >> 6 != 2) return 0;
    c = c << 6 | (byte_at(text, i) & 0x3fu);
  }
  static constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // by the number of bytes
  return c < kLeast[bytes] || is_hidden(c) ? 0 : bytes;
}

}  // namespace

std::string printable(std::string_view text, bool keep_lines) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto bytes = printable_bytes(text);
    if (keep_lines && text.front() == '\n') bytes = 1;
    if (bytes == 0) {
      const auto byte = byte_at(text, 0);
      result += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
    }
    result += text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return result;
}

}  // namespace srpi
