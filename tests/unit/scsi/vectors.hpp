// SPDX-License-Identifier: Apache-2.0
// Byte vectors for tests: parse them from hex with quoted text, cut them at every byte.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi::test {

// Parses hex digits, spaces and text in single quotes: "00 80 00 04 'abcd'".
inline std::vector<std::uint8_t> from_hex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    throw std::invalid_argument("not a hex digit");
  };
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == '\'') {
      for (++i; text.at(i) != '\''; ++i) out.push_back(static_cast<std::uint8_t>(text[i]));
      ++i;
    } else {
      out.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text.at(i + 1))));
      i += 2;
    }
  }
  return out;
}

// Calls f with every proper prefix. Each has its own heap block of exact size, so AddressSanitizer sees a
// read beyond it.
template<class F>
void for_every_cut(const std::vector<std::uint8_t>& bytes, F f) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    f(Bytes{cut});
  }
}

}  // namespace srpi::scsi::test
