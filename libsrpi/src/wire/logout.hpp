// SPDX-License-Identifier: Apache-2.0
// SRP_I_LOGOUT and SRP_T_LOGOUT: one side announces that it is about to disconnect (SRP r16a). Neither unit
// is answered. Linux's target ignores SRP_I_LOGOUT and waits for the disconnect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::wire {

struct InitiatorLogout {
  std::uint64_t tag = 0;

  bool operator==(const InitiatorLogout&) const = default;
};

enum class LogoutReason : std::uint32_t {
  none = 0,
  inactive = 1,
  invalid_unit_type = 2,
  unexpected_initiator_response = 3,
  multichannel_action = 4,
  unsupported_data_out_format = 6,
  unsupported_data_in_format = 7,
  invalid_unit_length = 8,
};
[[nodiscard]] const char* to_string(LogoutReason) noexcept;

struct TargetLogout {
  std::uint64_t tag = 0;
  LogoutReason reason = LogoutReason::none;
  bool solicited = false;

  bool operator==(const TargetLogout&) const = default;
};

inline constexpr std::size_t kLogoutBytes = 16;  // of both units
[[nodiscard]] constexpr std::size_t encoded_bytes(const InitiatorLogout&) noexcept { return kLogoutBytes; }
[[nodiscard]] constexpr std::size_t encoded_bytes(const TargetLogout&) noexcept { return kLogoutBytes; }
std::size_t encode(const InitiatorLogout&, std::span<std::byte> out) noexcept;
std::size_t encode(const TargetLogout&, std::span<std::byte> out) noexcept;
[[nodiscard]] Result<InitiatorLogout> decode_initiator_logout(std::span<const std::byte> unit);
[[nodiscard]] Result<TargetLogout> decode_target_logout(std::span<const std::byte> unit);
[[nodiscard]] std::string to_string(const InitiatorLogout&);
[[nodiscard]] std::string to_string(const TargetLogout&);

}  // namespace srpi::wire
