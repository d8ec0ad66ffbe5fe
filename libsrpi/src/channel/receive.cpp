// SPDX-License-Identifier: Apache-2.0
// Receiving: takes completions in batches, decodes units in the receive buffers, completes commands once.
#include <algorithm>

#include "base/check.hpp"
#include "base/make_error.hpp"
#include "channel/channel.hpp"
#include "channel/layout.hpp"
#include "scsi/disposition.hpp"
#include "scsi/sense.hpp"
#include "wire/async_event.hpp"
#include "wire/credit.hpp"
#include "wire/logout.hpp"
#include "wire/opcode.hpp"
#include "wire/response.hpp"

namespace srpi::channel {
namespace {
// A few unknown tags may be answers to aborted commands. Many mean that the target is faulty.
constexpr std::uint64_t kUnknownTagsTolerated = 8;
}  // namespace

std::size_t Channel::poll() noexcept {
  if (!endpoint_) return 0;
  const auto n = endpoint_->poll(completions_);
  unanswered_ = 0;
  bool received = false;
  for (const auto& c : std::span(completions_.data(), n)) {
    if (c.status != fabric::WorkStatus::success) {
      if (c.status != fabric::WorkStatus::flushed || !failure_)
        fail(base::make_error(Errc::no_connect, "queue pair error: {} (device status {})",
                              fabric::to_string(c.status), c.vendor));
      continue;
    }
    if (!c.receive) {
      send_queue_.on_completion(c.id);
      continue;
    }
    const auto index = static_cast<std::uint32_t>(c.id);
    SRPI_CHECK(index < receive_count(limits_));
    received = true;
    if (!failure_) on_unit({buffers_.receive(index), std::min<std::size_t>(c.bytes, kReceiveBytes)});
    receives_to_post_.push_back(index);
  }
  if (n > 0) {
    last_heard_ = clock_.now();
    if (received) last_answer_ = last_heard_;
    if (receives_to_post_.size() >= kReceiveBatch && !failure_) (void)repost_receives();
  }
  return n;
}

bool Channel::repost_receives() noexcept {
  std::array<fabric::ReceiveWork, kPostBatch> work;
  while (!receives_to_post_.empty()) {
    std::uint32_t count = 0;
    while (count < kPostBatch && !receives_to_post_.empty()) {
      const auto index = receives_to_post_.back();
      receives_to_post_.pop_back();
      work[count++] = {index, {buffers_.receive(index), kReceiveBytes, buffers_.lkey()}};
    }
    if (auto done = endpoint_->post_receive(std::span(work.data(), count)); !done) {
      fail(base::error_of(done));
      return false;
    }
  }
  return true;
}

void Channel::on_unit(std::span<const std::byte> unit) noexcept {
  if (!unit.empty() && static_cast<wire::Opcode>(unit[0]) == wire::Opcode::response) return on_response(unit);
  try {
    on_target_request(unit);
  } catch (const std::bad_alloc&) {
    fail({Errc::no_memory, {}});
  }
}

void Channel::on_response(std::span<const std::byte> unit) noexcept {
  wire::Response response;
  if (!wire::try_decode_response(unit, response)) {
    return fail(base::make_error(Errc::protocol_error, "{}",
                                 [&] { return wire::decode_response(unit).error().detail; }));
  }
  if (!credits_.add(response.request_limit_delta))
    return fail(base::make_error(Errc::protocol_error, "SRP_RSP: request limit delta {} overflows the limit",
                                 std::int32_t{response.request_limit_delta}));
  auto* const found = slots_.find(response.tag);
  if (!found) {
    if (on_tmf_answer(response)) return;
    if (late_answers_ > 0) {  // the late answer of an aborted command
      --late_answers_;
      return;
    }
    if (++counters_.unknown_tags > kUnknownTagsTolerated)
      fail(base::make_error(Errc::protocol_error, "the target answers requests that we did not send"));
    return;
  }
  Command& command = **found;
  if (const auto refused = response.task_result(); refused && *refused != wire::TaskResult::complete)
    return finish(command,
                  Errc::target_error);  // the target did not accept the unit, so the status does not count
  command.status = static_cast<scsi::Status>(response.status);
  if (response.sense_valid()) {
    command.sense_bytes = static_cast<std::uint8_t>(std::min(response.sense.size(), command.sense.size()));
    std::memcpy(command.sense.data(), response.sense.data(), command.sense_bytes);
  }
  const auto residual = command.direction == Direction::from_target ? response.data_in_residual_if_under()
                                                                    : response.data_out_residual_if_under();
  command.residual_bytes = std::min(residual, command.data_bytes);
  if (command.direction == Direction::from_target)
    counters_.read_bytes += command.data_bytes - command.residual_bytes;
  else if (command.direction == Direction::to_target)
    counters_.written_bytes += command.data_bytes - command.residual_bytes;
  finish(command, Errc::ok);
}

void Channel::finish(Command& command, Errc error) noexcept {
  in_flight_.erase(command);
  slots_.release(command.internal.slot);
  complete(command, error);
}

// SRP permits one unanswered request of the target. All requests of one poll were sent before the answer to the
// first of them. Some are tolerated: there are slots for their answers.
bool Channel::admit_request(RequestRate& rate, std::uint64_t commands) noexcept {
  if (++unanswered_ > kAnswerSlots)
    fail(base::make_error(
        Errc::protocol_error,
        "the target sends requests without waiting for the answers: SRP permits one at a time"));
  else if (!rate.admit(clock_.now(), commands))
    fail(base::make_error(
        Errc::protocol_error,
        "the target sends more than {} requests within a second, which keeps its initiator from "
        "everything else",
        std::uint64_t{RequestRate::kMost}));
  return !failure_;
}

void Channel::on_target_request(std::span<const std::byte> unit) {
  const auto opcode = wire::peek_opcode(unit);
  if (!opcode) return fail(opcode.error());
  std::array<std::byte, 16> reply;
  switch (*opcode) {
    case wire::Opcode::credit_request: {
      const auto request = wire::decode_credit_request(unit);
      if (!request) return fail(request.error());
      // A target may grant the credit of each command by a request.
      if (!admit_request(credit_requests_, counters_.commands)) return;
      if (!credits_.add(request->request_limit_delta))
        return fail({Errc::protocol_error, "SRP_CRED_REQ: the request limit overflows"});
      wire::encode(wire::CreditResponse{request->tag}, reply);
      return answer(reply);
    }
    case wire::Opcode::async_event_request: {
      const auto request = wire::decode_async_event_request(unit);
      if (!request) return fail(request.error());
      if (!admit_request(event_requests_, 0)) return;
      if (!credits_.add(request->request_limit_delta))
        return fail({Errc::protocol_error, "SRP_AER_REQ: the request limit overflows"});
      wire::encode(wire::AsyncEventResponse{request->tag}, reply);
      answer(reply);
      const auto* const bytes = reinterpret_cast<const std::uint8_t*>(request->sense.data());
      if (const auto sense = scsi::decode_sense({bytes, request->sense.size()}))
        if (const auto event = scsi::classify(scsi::Status::check_condition, &*sense).event;
            event != scsi::Event::none)
          events_.on_unit_event(request->lun, event);
      return;
    }
    case wire::Opcode::target_logout: {
      const auto logout = wire::decode_target_logout(unit);
      if (!logout) return fail(logout.error());
      logged_out_ = logout->reason;
      return fail(
          {Errc::no_connect, "the target logged us out: " + std::string(wire::to_string(logout->reason))});
    }
    default:
      return fail(
          {Errc::protocol_error, "unexpected information unit from the target: " + wire::describe(unit)});
  }
}

}  // namespace srpi::channel
