// SPDX-License-Identifier: Apache-2.0
// Logical unit numbers: 8 bytes, four levels of two bytes each (SAM). We keep a LUN as one integer whose most
// significant byte is the first on the wire. Only the first level is interpreted; the deeper levels are kept
// unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/check.hpp"

namespace srpi::wire {

inline constexpr std::uint32_t kPeripheralLuns = 256;  // peripheral device addressing, bus 0: byte 1
inline constexpr std::uint32_t kFlatLuns = 0x4000;     // flat space addressing: method 01b and 14 bits

[[nodiscard]] constexpr std::uint64_t peripheral_lun(std::uint32_t number) noexcept {
  SRPI_CHECK(number < kPeripheralLuns);
  return std::uint64_t{number} << 48;
}
[[nodiscard]] constexpr std::uint64_t flat_lun(std::uint32_t number) noexcept {
  SRPI_CHECK(number < kFlatLuns);
  return std::uint64_t{0x4000 | number} << 48;
}
// The customary form: peripheral addressing below 256, flat addressing from 256. Precondition: number <
// kFlatLuns.
[[nodiscard]] constexpr std::uint64_t lun_from_number(std::uint32_t number) noexcept {
  return number < kPeripheralLuns ? peripheral_lun(number) : flat_lun(number);
}
// The number of a single-level LUN in peripheral or flat form; nullopt for every other LUN.
[[nodiscard]] constexpr std::optional<std::uint32_t> lun_number(std::uint64_t lun) noexcept {
  if ((lun & 0x0000ffffffffffffu) != 0) return std::nullopt;
  const auto first = static_cast<std::uint32_t>(lun >> 48);
  if (first < kPeripheralLuns) return first;
  if ((first & 0xc000) == 0x4000) return first & 0x3fff;
  return std::nullopt;
}
// The number if the LUN has the customary form, otherwise the 8 bytes: "0x0100000000000000".
[[nodiscard]] std::string lun_to_string(std::uint64_t lun);

}  // namespace srpi::wire
