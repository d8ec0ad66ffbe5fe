// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "base/random.hpp"
#include "catch2/catch.hpp"
#include "golden.hpp"
#include "srpi/error.hpp"
#include "test/print_result.hpp"

namespace support {

using golden::Bytes;
using golden::operator+;

// Encodes into a buffer full of garbage, so a field that the encoder leaves out is noticed.
template<class Encode>
Bytes encoded(std::size_t room_bytes, Encode encode) {
  Bytes out(room_bytes, std::byte{0xee});
  const std::size_t written = encode(std::span(out));
  REQUIRE(written <= out.size());
  REQUIRE(std::all_of(out.begin() + static_cast<std::ptrdiff_t>(written), out.end(),
                      [](std::byte b) { return b == std::byte{0xee}; }));
  out.resize(written);
  return out;
}

template<class Unit>
Bytes encoded(const Unit& unit) {
  const auto out = encoded(encoded_bytes(unit) + 8, [&](std::span<std::byte> o) { return encode(unit, o); });
  REQUIRE(out.size() == encoded_bytes(unit));
  return out;
}

// Checks that every prefix of `whole` is a protocol error. Each prefix has its own heap block of exact size,
// so AddressSanitizer sees a read beyond it.
template<class Decode>
void check_every_cut(const Bytes& whole, Decode decode) {
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    const auto unit = decode(std::span<const std::byte>(cut));
    INFO("cut to " << n << " bytes");
    REQUIRE(unit.has_error());
    REQUIRE(unit.error().code == srpi::Errc::protocol_error);
    REQUIRE_FALSE(unit.error().detail.empty());
  }
  REQUIRE(decode(std::span<const std::byte>(whole)).has_value());
}

template<class Decode>
void check_wrong_opcodes(const Bytes& whole, Decode decode, std::size_t at = 0) {
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    auto other = whole;
    if (other[at] == static_cast<std::byte>(opcode)) continue;
    other[at] = static_cast<std::byte>(opcode);
    REQUIRE(decode(std::span<const std::byte>(other)).has_error());
  }
}

inline bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

inline bool contains(const std::string& text, const std::string& part) {
  INFO(text << " should contain " << part);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

inline Bytes random_bytes(srpi::base::Random& random, std::size_t bytes) {
  Bytes out(bytes);
  for (auto& b : out) b = static_cast<std::byte>(random.next());
  return out;
}

}  // namespace support
