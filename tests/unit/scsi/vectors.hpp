// SPDX-License-Identifier: Apache-2.0
// Byte vectors for the tests: written in hex with text in quotes, cut at every byte.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi::test {

// "00 80 00 04 'abcd'" - hex digits, spaces, and text in single quotes.
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

// Calls f with every proper prefix, each in memory of exactly its size, so that AddressSanitizer sees any
// over-read.
template<class F>
void for_every_cut(const std::vector<std::uint8_t>& bytes, F f) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    f(Bytes{cut});
  }
}

}  // namespace srpi::scsi::test
