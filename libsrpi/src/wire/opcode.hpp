// SPDX-License-Identifier: Apache-2.0
// The operation codes of SRP's information units. The code is the first byte of a unit (SRP r16a); only the
// compact login request has it at byte 11 (login.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::wire {

enum class Opcode : std::uint8_t {
  // Initiator to target
  login_request = 0x00,
  task_management = 0x01,
  command = 0x02,
  initiator_logout = 0x03,
  credit_response = 0x41,
  async_event_response = 0x42,
  // Target to initiator
  target_logout = 0x80,
  credit_request = 0x81,
  async_event_request = 0x82,
  login_response = 0xc0,
  response = 0xc1,
  login_reject = 0xc2,
};

[[nodiscard]] const char* to_string(Opcode) noexcept;  // the standard's name: "SRP_CMD"
[[nodiscard]] bool is_known(Opcode) noexcept;
[[nodiscard]] constexpr bool sent_by_target(Opcode opcode) noexcept {
  return (static_cast<std::uint8_t>(opcode) & 0x80) != 0;
}

// The opcode of a received unit. Errors: protocol_error for an empty unit and for an unknown opcode.
[[nodiscard]] Result<Opcode> peek_opcode(std::span<const std::byte> unit);

// A line about any unit, for a log. For a unit that cannot be decoded, the line has the reason and the first
// bytes. Compact login requests are not recognised, because their opcode is at byte 11.
[[nodiscard]] std::string describe(std::span<const std::byte> unit);

}  // namespace srpi::wire
