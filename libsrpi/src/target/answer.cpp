// SPDX-License-Identifier: Apache-2.0
// The SRP_RSP of a command: status, sense data, residuals and the returned credits.
#include "target/channel.hpp"

namespace srpi::target {

using scsi::AdditionalSense;
using scsi::SenseKey;
using scsi::Status;

void Channel::refuse(std::uint32_t slot, SenseKey key, AdditionalSense additional) {
  refuse(slot, scsi::make_sense(key, additional));
}

void Channel::refuse(std::uint32_t slot, const scsi::Sense& sense) {
  slots_[slot].has_sense = true;
  slots_[slot].sense = sense;
  answer(slot, Status::check_condition);
}

void Channel::answer(std::uint32_t slot, Status status) {
  Slot& s = slots_[slot];
  s.status = status;
  if (s.lose_response) {
    s.stage = Slot::Stage::unanswered;
    return;
  }
  if (room() == 0) {
    s.stage = Slot::Stage::answering;
    return stall(slot);
  }
  wire::Response response;
  response.tag = s.tag;
  response.status = static_cast<std::uint8_t>(status);
  response.request_limit_delta = 1 + owed_;
  response.flags = residuals(s, response);
  response.solicited =
      (s.notify & (status == Status::good ? wire::kNotifyOnSuccess : wire::kNotifyOnFailure)) != 0;
  scsi::EncodedSense sense;
  if (s.has_sense) {
    s.sense.descriptor_format =
        false;  // 18 bytes, so it fits the smallest unit that an initiator may request
    sense = scsi::encode(s.sense);
    response.flags |= wire::kSenseValid;
    response.sense = std::as_bytes(sense.span());
  }
  receive_again(slot);
  outstanding_ -= static_cast<std::uint32_t>(response.request_limit_delta);
  owed_ = 0;
  const auto out = add_unit(Sent::other, false, slot);
  finish_unit(wire::encode(response, out), response.solicited);
}

// SRP r16a, SRP_RSP: "over" counts the bytes that did not fit the buffer, "under" the unused bytes of the
// buffer.
std::uint8_t Channel::residuals(const Slot& s, wire::Response& response) const noexcept {
  const auto judge = [&](bool out, std::uint32_t buffer, std::uint8_t over_flag, std::uint8_t under_flag,
                         std::uint32_t& residual) -> std::uint8_t {
    const std::uint32_t data = s.data_out == out ? s.data_bytes : 0;
    const std::uint32_t moved = s.data_out == out ? s.moved : 0;
    if (data > buffer) {
      residual = data - buffer;
      return over_flag;
    }
    if (moved == buffer) return 0;
    residual = buffer - moved;
    return under_flag;
  };
  return static_cast<std::uint8_t>(judge(true, s.command.data_out.bytes, wire::kDataOutOver,
                                         wire::kDataOutUnder, response.data_out_residual_bytes) |
                                   judge(false, s.command.data_in.bytes, wire::kDataInOver,
                                         wire::kDataInUnder, response.data_in_residual_bytes));
}

}  // namespace srpi::target
