// SPDX-License-Identifier: Apache-2.0
#include "wire/unit.hpp"

#include <fmt/format.h>

namespace srpi::wire {

Error malformed(const char* unit, const std::string& what) {
  return {Errc::protocol_error, fmt::format("{}: {}", unit, what)};
}

Error too_short(const char* unit, std::size_t got_bytes, std::size_t needed_bytes) {
  return malformed(unit, fmt::format("{} bytes received, at least {} needed", got_bytes, needed_bytes));
}

std::optional<Error> check_unit(std::span<const std::byte> unit, Opcode expected, std::size_t minimum_bytes) {
  if (unit.size() < minimum_bytes) return too_short(to_string(expected), unit.size(), minimum_bytes);
  const auto opcode = static_cast<Opcode>(unit[0]);
  if (opcode == expected) return std::nullopt;
  return malformed(to_string(expected), fmt::format("opcode 0x{:02x} ({}) received instead of 0x{:02x}",
                                                    static_cast<unsigned>(opcode), to_string(opcode),
                                                    static_cast<unsigned>(expected)));
}

}  // namespace srpi::wire
