// SPDX-License-Identifier: Apache-2.0
// The values and keys of target addresses, apart from how the text around them is split. Positions in
// messages count characters from 1.
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
// HOST, HOST:PORT, [IPV6], [IPV6]:PORT; nothing if it is none of these.
[[nodiscard]] std::optional<HostPort> split_host_port(std::string_view text);
inline constexpr auto kHostForms =
    "\" is not HOST:PORT, with a name, an IPv4 address or a bracketed IPv6 address";

// Bytes, or a number with K, M, G or T; nothing if it is neither, is 0, or reaches 8 EiB.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// The forms an address can have: bits, since a key belongs to several.
inline constexpr unsigned kRdmaCmUri = 1;
inline constexpr unsigned kRdmaCmLogin = 2;
inline constexpr unsigned kIbCm = 4;
inline constexpr unsigned kRam = 8;

// Puts the items into `address`, whose transport is already that of the form. Errors: unknown, repeated,
// missing keys, and values that are none.
[[nodiscard]] Result<> apply_items(TargetAddress& address, const std::vector<Item>& items, unsigned form);

}  // namespace srpi::base
