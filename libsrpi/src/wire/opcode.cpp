// SPDX-License-Identifier: Apache-2.0
#include "wire/opcode.hpp"

#include <fmt/format.h>

namespace srpi::wire {

const char* to_string(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::login_request: return "SRP_LOGIN_REQ";
    case Opcode::task_management: return "SRP_TSK_MGMT";
    case Opcode::command: return "SRP_CMD";
    case Opcode::initiator_logout: return "SRP_I_LOGOUT";
    case Opcode::credit_response: return "SRP_CRED_RSP";
    case Opcode::async_event_response: return "SRP_AER_RSP";
    case Opcode::target_logout: return "SRP_T_LOGOUT";
    case Opcode::credit_request: return "SRP_CRED_REQ";
    case Opcode::async_event_request: return "SRP_AER_REQ";
    case Opcode::login_response: return "SRP_LOGIN_RSP";
    case Opcode::response: return "SRP_RSP";
    case Opcode::login_reject: return "SRP_LOGIN_REJ";
  }
  return "unknown opcode";
}

bool is_known(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::login_request:
    case Opcode::task_management:
    case Opcode::command:
    case Opcode::initiator_logout:
    case Opcode::credit_response:
    case Opcode::async_event_response:
    case Opcode::target_logout:
    case Opcode::credit_request:
    case Opcode::async_event_request:
    case Opcode::login_response:
    case Opcode::response:
    case Opcode::login_reject: return true;
  }
  return false;
}

Result<Opcode> peek_opcode(std::span<const std::byte> unit) {
  if (unit.empty()) return Error{Errc::protocol_error, "empty information unit"};
  const auto opcode = static_cast<Opcode>(unit[0]);
  if (!is_known(opcode))
    return Error{Errc::protocol_error,
                 fmt::format("unknown opcode 0x{:02x} in an information unit of {} bytes",
                             static_cast<unsigned>(opcode), unit.size())};
  return opcode;
}

}  // namespace srpi::wire
