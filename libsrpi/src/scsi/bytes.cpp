// SPDX-License-Identifier: Apache-2.0
#include "scsi/bytes.hpp"

#include <algorithm>

namespace srpi::scsi {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

void append_hex(std::string& text, std::uint8_t byte) {
  text += kDigits[byte >> 4];
  text += kDigits[byte & 0xf];
}

constexpr bool is_padding(std::uint8_t byte) { return byte == ' ' || byte == 0; }

}  // namespace

Error protocol_error(std::string detail) { return {Errc::protocol_error, std::move(detail)}; }

std::string text_of(Bytes field) {
  while (!field.empty() && is_padding(field.front())) field = field.subspan(1);
  while (!field.empty() && is_padding(field.back())) field = field.first(field.size() - 1);
  std::string text;
  for (const auto byte : field) {
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      text += static_cast<char>(byte);
    } else {
      text += "\\x";
      append_hex(text, byte);
    }
  }
  return text;
}

void store_text(std::span<std::uint8_t> field, const std::string& text) noexcept {
  const auto length = std::min(field.size(), text.size());
  std::copy_n(text.begin(), length, field.begin());
  std::fill(field.begin() + static_cast<std::ptrdiff_t>(length), field.end(), std::uint8_t{' '});
}

std::string hex(Bytes bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) append_hex(text, byte);
  return text;
}

}  // namespace srpi::scsi
