// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "wire/async_event.hpp"
#include "wire/command.hpp"
#include "wire/credit.hpp"
#include "wire/login.hpp"
#include "wire/logout.hpp"
#include "wire/opcode.hpp"
#include "wire/response.hpp"
#include "wire/task_management.hpp"

namespace srpi::wire {
namespace {

constexpr std::size_t kShownBytes = 64;

std::string hex_dump(std::span<const std::byte> unit) {
  std::string text;
  for (const auto b : unit.first(std::min(unit.size(), kShownBytes)))
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", static_cast<unsigned>(b));
  if (unit.size() > kShownBytes) text += " ...";
  return text;
}

template<class Unit>
Result<std::string> in_words(const Result<Unit>& unit) {
  if (!unit) return unit.error();
  return to_string(*unit);
}

Result<std::string> decoded(std::span<const std::byte> unit) {
  const auto opcode = peek_opcode(unit);
  if (!opcode) return opcode.error();
  switch (*opcode) {
    case Opcode::login_request: return in_words(decode_login_request(unit));
    case Opcode::task_management: return in_words(decode_task_management(unit));
    case Opcode::command: return in_words(decode_command(unit, kImmediateDataOffset));
    case Opcode::initiator_logout: return in_words(decode_initiator_logout(unit));
    case Opcode::credit_response: return in_words(decode_credit_response(unit));
    case Opcode::async_event_response: return in_words(decode_async_event_response(unit));
    case Opcode::target_logout: return in_words(decode_target_logout(unit));
    case Opcode::credit_request: return in_words(decode_credit_request(unit));
    case Opcode::async_event_request: return in_words(decode_async_event_request(unit));
    case Opcode::login_response: return in_words(decode_login_response(unit));
    case Opcode::response: return in_words(decode_response(unit));
    case Opcode::login_reject: return in_words(decode_login_reject(unit));
  }
  return Error{Errc::protocol_error, "unknown opcode"};
}

}  // namespace

std::string describe(std::span<const std::byte> unit) {
  auto text = decoded(unit);
  if (text) return *text;
  return fmt::format("malformed unit ({}), {} bytes: [{}]", text.error().detail, unit.size(), hex_dump(unit));
}

}  // namespace srpi::wire
