// SPDX-License-Identifier: Apache-2.0
#include "wire_model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/async_event.hpp"
#include "wire/command.hpp"
#include "wire/credit.hpp"
#include "wire/opcode.hpp"
#include "wire/response.hpp"
#include "wire/task_management.hpp"

namespace srpi::sim {

void WireModel::Connection::logged_in(std::int32_t request_limit) noexcept {
  logged_in_ = true;
  ++model_.logins_;
  credits_ = request_limit;
}

void WireModel::Connection::closed() noexcept {
  logged_in_ = false;
  outstanding_.clear();
}

std::int64_t WireModel::credits() const noexcept {
  for (const auto* c : connections_)
    if (c->is_logged_in()) return c->credits();
  return 0;
}

std::size_t WireModel::connected() const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(connections_, &Connection::is_logged_in));
}

std::size_t WireModel::outstanding() const noexcept {
  std::size_t n = 0;
  for (const auto* c : connections_) n += c->outstanding();
  return n;
}

void WireModel::Connection::sent(std::span<const std::byte> unit) {
  const auto opcode = static_cast<wire::Opcode>(unit[0]);
  const bool command = opcode == wire::Opcode::command;
  if (!command && opcode != wire::Opcode::task_management) {
    ++model_.answers_;  // answers use no credit
    return;
  }
  std::uint64_t tag = 0;
  for (std::size_t i = 8; i < 16; ++i) tag = tag << 8 | std::to_integer<std::uint64_t>(unit[i]);
  model_.journal_.note(command ? "command sent" : "function sent", tag, static_cast<std::uint64_t>(credits_));
  ++(command ? model_.commands_ : model_.functions_);

  // Byte 32 is the operation code. TEST UNIT READY may be a keepalive, which may use the last credit.
  const bool io = command && unit[32] != std::byte{0x00};
  if (credits_ < (io ? 2 : 1))
    model_.checks_.fail(Checker::request_limit,
                        io ? "a command leaves one credit for task management" : "a credit",
                        fmt::format("a request sent with {} left", credits_));
  --credits_;
  if (std::find(model_.used_.begin(), model_.used_.end(), tag + 1) != model_.used_.end())
    model_.checks_.fail(Checker::tag_reuse,
                        fmt::format("no tag of the last {} requests comes again", WireModel::kRemembered),
                        fmt::format("tag {:x}", tag));
  model_.used_[model_.used_count_++ % WireModel::kRemembered] = tag + 1;  // 0 means none
  Request request{.tag = tag, .lun = 0, .function = std::nullopt};
  if (!command)
    if (const auto function = wire::decode_task_management(unit)) request.function = *function;
  for (std::size_t i = 20; i < 28; ++i)
    request.lun = request.lun << 8 | std::to_integer<std::uint64_t>(unit[i]);
  outstanding_.push_back(request);
  // One answer to each, and one request of the target.
  const auto needed = static_cast<std::int64_t>(outstanding_.size()) + 1;
  if (!dead_ && receives_ < needed)
    model_.checks_.fail(Checker::posted_receives,
                        fmt::format("{} receives posted for what the target may send", needed),
                        fmt::format("{}", receives_));
}

void WireModel::Connection::received(std::span<const std::byte> unit) {
  --receives_;
  if (unit.empty()) return;
  switch (static_cast<wire::Opcode>(unit[0])) {
    case wire::Opcode::response: {
      wire::Response response;
      if (!wire::try_decode_response(unit, response)) return;
      credits_ += response.request_limit_delta;
      model_.journal_.note("answer", response.tag, response.status,
                           static_cast<std::uint32_t>(response.request_limit_delta));
      const auto at = std::ranges::find(outstanding_, response.tag, &Request::tag);
      if (at == outstanding_.end()) return;
      const auto function = at->function;
      outstanding_.erase(at);
      if (function && response.task_result() == wire::TaskResult::complete) function_confirmed(*function);
      model_.answered_[model_.answered_count_++ % WireModel::kRemembered] = response.tag;
      return;
    }
    case wire::Opcode::credit_request:
      if (const auto request = wire::decode_credit_request(unit)) {
        credits_ += request->request_limit_delta;
        ++model_.target_requests_;
        model_.journal_.note("credits", request->tag,
                             static_cast<std::uint32_t>(request->request_limit_delta));
      }
      return;
    case wire::Opcode::async_event_request:
      if (const auto request = wire::decode_async_event_request(unit))
        credits_ += request->request_limit_delta;
      return;
    default: return;
  }
}

// Its commands get no answer any more.
void WireModel::Connection::function_confirmed(const wire::TaskManagement& function) {
  std::erase_if(outstanding_, [&](const Request& r) {
    if (r.function || r.lun != function.lun) return false;
    return function.function == wire::TaskFunction::lun_reset || r.tag == function.task_tag;
  });
}

std::uint64_t WireModel::answered_tag(std::uint64_t choice) const noexcept {
  const auto n = std::min<std::uint64_t>(answered_count_, kRemembered);
  return n == 0 ? 0 : answered_[choice % n];
}

}  // namespace srpi::sim
