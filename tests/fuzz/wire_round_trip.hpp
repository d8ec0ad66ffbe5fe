// SPDX-License-Identifier: Apache-2.0
// Checks a unit that a decoder accepts: encoded again, it has the same bytes, but reserved bits are zero. A
// second round does not change it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/check.hpp"

namespace fuzz {

using Bytes = std::vector<std::byte>;

inline std::span<const std::byte> as_unit(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

// `decode(bytes)` returns a Result, `encode(value)` returns Bytes.
template<class Decode, class Encode>
void check_round_trip(std::span<const std::byte> unit, Decode decode, Encode encode) {
  const auto value = decode(unit);
  if (!value) {
    SRPI_CHECK(!value.error().detail.empty());
    return;
  }
  const Bytes canonical = encode(*value);
  SRPI_CHECK(canonical.size() <= unit.size());
  for (std::size_t i = 0; i < canonical.size(); ++i)
    SRPI_CHECK((canonical[i] & ~unit[i]) == std::byte{0});  // encoding may clear bits, but not set them
  const auto again = decode(std::span<const std::byte>(canonical));
  SRPI_CHECK(again.has_value());
  SRPI_CHECK(encode(*again) == canonical);
}

// For units whose encoder takes the decoded value.
template<class Unit>
Bytes encoded(const Unit& unit) {
  Bytes out(encoded_bytes(unit), std::byte{0xee});
  SRPI_CHECK(encode(unit, out) == out.size());
  return out;
}

}  // namespace fuzz
