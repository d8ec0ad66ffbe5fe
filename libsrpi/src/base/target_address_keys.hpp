// SPDX-License-Identifier: Apache-2.0
// The keys of target addresses and their values. target_address.cpp splits the text. Positions in messages
// count characters from 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "srpi/target_address.hpp"

namespace srpi::base {

struct Item {
  std::string key;
  std::string value;
  std::size_t position;  // of the key
};

[[nodiscard]] Error invalid_address(const std::string& what);
[[nodiscard]] Error invalid_address(const Item&, const std::string& what);

[[nodiscard]] int hex_value(char) noexcept;  // -1: not a hex digit

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};
// Splits HOST, HOST:PORT, [IPV6] or [IPV6]:PORT; nullopt for any other text.
[[nodiscard]] std::optional<HostPort> split_host_port(std::string_view text);
inline constexpr auto kHostForms =
    "\" is not HOST:PORT, with a name, an IPv4 address or a bracketed IPv6 address";

// Parses bytes, or a number with K, M, G or T. nullopt for other text, for 0 and for 8 EiB or more.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// The forms of an address. They are bits, because a key belongs to several forms.
inline constexpr unsigned kRdmaCmUri = 1;
inline constexpr unsigned kRdmaCmLogin = 2;
inline constexpr unsigned kIbCm = 4;
inline constexpr unsigned kRam = 8;

// Stores the items in `target`. Precondition: its address has the transport of `form`. Errors: unknown,
// repeated or missing keys, invalid values.
[[nodiscard]] Result<> apply_items(Target& target, const std::vector<Item>& items, unsigned form);

}  // namespace srpi::base
