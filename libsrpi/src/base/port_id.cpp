// SPDX-License-Identifier: Apache-2.0
#include "srpi/port_id.hpp"

namespace srpi {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string PortId::to_string() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<PortId> PortId::parse(std::string_view hex32) {
  auto digits = hex32;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  PortId id;
  if (digits.size() != 2 * id.bytes.size())
    return Error{Errc::invalid_argument,
                 "port id: " + std::to_string(digits.size()) + " characters instead of 32 hex digits"};
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int value = hex_digit(digits[i]);
    if (value < 0)
      return Error{Errc::invalid_argument, "port id: character " +
                                               std::to_string(hex32.size() - digits.size() + i + 1) +
                                               " is not a hex digit"};
    id.bytes[i / 2] = static_cast<std::uint8_t>(id.bytes[i / 2] << 4 | value);
  }
  return id;
}

PortId PortId::make(std::uint64_t extension, std::uint64_t guid) {
  PortId id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(extension >> (56 - 8 * i));
    id.bytes[8 + i] = static_cast<std::uint8_t>(guid >> (56 - 8 * i));
  }
  return id;
}

}  // namespace srpi
