// SPDX-License-Identifier: Apache-2.0
#include "wire/logout.hpp"

#include <fmt/format.h>

#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

struct InitiatorLogoutLayout {
  std::uint8_t opcode = 0;
  std::uint8_t reserved_1[7] = {};
  base::be64 tag;
};
static_assert(sizeof(InitiatorLogoutLayout) == kLogoutBytes && offsetof(InitiatorLogoutLayout, tag) == 8);

struct TargetLogoutLayout {
  std::uint8_t opcode = 0;
  std::uint8_t solicited = 0;
  std::uint8_t reserved_2[2] = {};
  base::be32 reason;
  base::be64 tag;
};
static_assert(sizeof(TargetLogoutLayout) == kLogoutBytes);
static_assert(offsetof(TargetLogoutLayout, reason) == 4 && offsetof(TargetLogoutLayout, tag) == 8);

}  // namespace

const char* to_string(LogoutReason reason) noexcept {
  switch (reason) {
    case LogoutReason::none: return "no reason given";
    case LogoutReason::inactive: return "the RDMA channel was inactive";
    case LogoutReason::invalid_unit_type: return "information unit of an invalid type received";
    case LogoutReason::unexpected_initiator_response: return "response received without a request";
    case LogoutReason::multichannel_action: return "ended by the multichannel action of another login";
    case LogoutReason::unsupported_data_out_format: return "data-out descriptor format not supported";
    case LogoutReason::unsupported_data_in_format: return "data-in descriptor format not supported";
    case LogoutReason::invalid_unit_length: return "information unit of an invalid length received";
  }
  return "unknown reason";
}

std::size_t encode(const InitiatorLogout& logout, std::span<std::byte> out) noexcept {
  auto& raw = start<InitiatorLogoutLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::initiator_logout);
  raw.tag = logout.tag;
  return sizeof raw;
}

std::size_t encode(const TargetLogout& logout, std::span<std::byte> out) noexcept {
  auto& raw = start<TargetLogoutLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::target_logout);
  raw.solicited = logout.solicited ? 1 : 0;
  raw.reason = static_cast<std::uint32_t>(logout.reason);
  raw.tag = logout.tag;
  return sizeof raw;
}

Result<InitiatorLogout> decode_initiator_logout(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::initiator_logout, kLogoutBytes)) return *error;
  return InitiatorLogout{overlay<InitiatorLogoutLayout>(unit).tag};
}

Result<TargetLogout> decode_target_logout(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::target_logout, kLogoutBytes)) return *error;
  const auto& raw = overlay<TargetLogoutLayout>(unit);
  return TargetLogout{raw.tag, static_cast<LogoutReason>(std::uint32_t{raw.reason}),
                      (raw.solicited & 1) != 0};
}

std::string to_string(const InitiatorLogout& l) { return fmt::format("SRP_I_LOGOUT tag 0x{:016x}", l.tag); }

std::string to_string(const TargetLogout& l) {
  return fmt::format("SRP_T_LOGOUT tag 0x{:016x} reason {} ({}){}", l.tag,
                     static_cast<std::uint32_t>(l.reason), to_string(l.reason),
                     l.solicited ? " solicited" : "");
}

}  // namespace srpi::wire
