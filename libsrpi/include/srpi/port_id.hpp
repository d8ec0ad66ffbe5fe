// SPDX-License-Identifier: Apache-2.0
// SRP port identifiers: 16 bytes, which name the two ends of an I_T nexus (SRP r16a).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "srpi/error.hpp"
#include "srpi/export.hpp"

namespace srpi {

// Revision 16a (io_class 0x0100): identifier extension in the first half, GUID in the second. Revision 10
// (io_class 0xff00) has the halves the other way round; PortId always holds the bytes as they go on the wire.
struct SRPI_EXPORT PortId {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const PortId&) const = default;
  [[nodiscard]] bool is_zero() const { return *this == PortId{}; }
  [[nodiscard]] std::string to_string() const;                        // 32 hex digits
  [[nodiscard]] static Result<PortId> parse(std::string_view hex32);  // exactly 32 hex digits, "0x" permitted
  [[nodiscard]] static PortId make(std::uint64_t extension, std::uint64_t guid);  // revision 16a order
};

}  // namespace srpi
