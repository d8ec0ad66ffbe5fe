// SPDX-License-Identifier: Apache-2.0
// Units that the target sends unasked: credit requests, events, logouts, and any bytes for tests.
#include <algorithm>

#include "target/channel.hpp"
#include "target/nexus.hpp"
#include "wire/async_event.hpp"
#include "wire/credit.hpp"

namespace srpi::target {

void Channel::request_credit(std::int32_t delta) {
  requests_.push_back({.credit = true, .delta = delta, .lun = 0, .sense = {}});
  next_request();
}

void Channel::request_async_event(std::uint64_t wire_lun, const scsi::Sense& sense) {
  requests_.push_back({.credit = false, .delta = 0, .lun = wire_lun, .sense = sense});
  next_request();
}

void Channel::next_request() {
  if (unanswered_request_ || requests_.empty() || closing_ || ended_ || room() == 0) return;
  const TargetRequest request = requests_.front();
  requests_.pop_front();
  unanswered_request_ = request.credit;
  ++request_tag_;
  const auto out = add_unit(Sent::other, true, 0);
  if (request.credit) {
    finish_unit(
        wire::encode(wire::CreditRequest{.tag = request_tag_, .request_limit_delta = request.delta}, out),
        false);
  } else {
    const auto sense = scsi::encode(request.sense);
    finish_unit(
        wire::encode(wire::AsyncEventRequest{.tag = request_tag_,
                                             .request_limit_delta = 0,
                                             .lun = request.lun,
                                             .solicited = false,
                                             .sense = std::as_bytes(sense.span().first(std::min<std::size_t>(
                                                 sense.size, kInlineBytes - wire::kAsyncEventRequestBytes)))},
                     out),
        false);
  }
}

void Channel::send_raw(std::span<const std::byte> unit) {
  if (room() == 0) return;
  auto raw = std::make_unique<RawUnit>();
  raw->bytes.assign(unit.begin(), unit.end());
  std::uint32_t lkey = 0;
  if (!raw->bytes.empty()) {
    auto region = memory_.device->register_memory(raw->bytes, fabric::Access::local);
    if (!region) return;
    raw->region = std::move(*region);
    lkey = raw->region->lkey();
  }
  auto& work = add_work(Sent::other, 0);
  work.signaled = true;
  signaled_ = posted_;
  batch_sges_[batch_.size() - 1] = {raw->bytes.data(), static_cast<std::uint32_t>(raw->bytes.size()), lkey};
  raw_units_.push_back(std::move(raw));  // kept until the channel ends; for tests only
}

void Channel::log_out(wire::LogoutReason reason) {
  if (closing_ || ended_) return;
  if (!established_ || room() == 0) return end();
  closing_ = true;
  const auto out = add_unit(Sent::logout, true, 0);
  finish_unit(
      wire::encode(wire::TargetLogout{.tag = ++request_tag_, .reason = reason, .solicited = false}, out),
      false);
}

}  // namespace srpi::target
