// SPDX-License-Identifier: Apache-2.0
// An attempt's login: the request and the handling of its answers.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "session/attempt.hpp"
#include "session/fate.hpp"
#include "wire/command.hpp"

namespace srpi::session {
namespace {

constexpr std::uint32_t kSmallestIuBytes = SessionOptions::kLeastItIuBytes;  // targets accept more
constexpr std::uint64_t kLoginTag = 0x7372706c6f67696eu;  // "srplogin": easy to find in a packet dump

std::uint64_t interface_id(const std::array<std::uint8_t, 16>& gid) {
  std::uint64_t id = 0;
  for (int i = 8; i < 16; ++i) id = id << 8 | gid[static_cast<std::size_t>(i)];
  return id;
}

auto reject_of(const fabric::ConnectionEvent& event) {
  return wire::decode_login_reject(std::span(event.private_data).first(event.private_data_bytes));
}

}  // namespace

Result<> Attempt::log_in() {
  const bool compact = resolving_->compact_login();
  initiator_port_id_ = context_.initiator_port_id.value_or(
      PortId::make(context_.initiator_ext, interface_id(resolving_->path().source_gid)));
  const auto target_port_id = context_.target.target_port_id();
  if (const auto& permit = context_.options.permit_port_ids)
    if (auto permitted = permit(initiator_port_id_, target_port_id); !permitted)
      return Error{Errc::already_exists, std::move(permitted.error().detail)};
  if (joins() && resolving_->device() != context_.memories.device())
    return Error{Errc::unreachable,
                 fmt::format("{} is not the session's RDMA device: its memory is not there",
                             resolving_->path().device)};
  if (auto done = context_.memories.use_device(resolving_->device()); !done) return done;
  if (auto done = channel_.open(std::move(resolving_)); !done) return done;

  wire::LoginRequest request;
  request.tag = kLoginTag;
  request.requested_it_iu_bytes = requested_iu_bytes_;
  request.direct_descriptors = request.indirect_descriptors = true;
  request.multichannel = action_;
  request.immediate_data = immediate_data_;
  request.immediate_data_offset = immediate_data_ ? wire::kImmediateDataOffset : 0;
  request.initiator_port_id = initiator_port_id_;
  request.target_port_id = target_port_id;
  std::array<std::byte, 64> buffer;
  const auto bytes = compact ? wire::encode_compact(request, buffer) : wire::encode(request, buffer);
  step_ = Step::logging_in;
  return channel_.endpoint().connect(std::span(buffer).first(bytes));
}

Result<> Attempt::judge(const wire::LoginResponse& response) const {
  if (response.tag != kLoginTag)
    return Error{Errc::protocol_error, "SRP_LOGIN_RSP carries another login's tag"};
  if (response.request_limit < 2)
    return Error{Errc::protocol_error, fmt::format("SRP_LOGIN_RSP grants {} requests; at least 2 are needed",
                                                   response.request_limit)};
  if (response.request_limit > Credits::kMost)
    return Error{Errc::protocol_error,
                 fmt::format("SRP_LOGIN_RSP grants {} requests", response.request_limit)};
  if (response.max_it_iu_bytes < kSmallestIuBytes)
    return Error{Errc::protocol_error,
                 fmt::format("SRP_LOGIN_RSP limits requests to {} bytes; at least {} are needed",
                             response.max_it_iu_bytes, kSmallestIuBytes)};
  if (!response.direct_descriptors || !response.indirect_descriptors)
    return Error{Errc::protocol_error, "SRP_LOGIN_RSP does not support direct and indirect data descriptors"};
  return {};
}

Attempt::Ended Attempt::on_established(const fabric::ConnectionEvent& event) {
  const auto response =
      wire::decode_login_response(std::span(event.private_data).first(event.private_data_bytes));
  if (!response) return ended_with(response.error());
  if (auto good = judge(*response); !good) return ended_with(good.error());
  if (joins() && response->multichannel != wire::MultiChannelResult::maintained) {
    auto ended = ended_with(
        {Errc::login_no_resources, fmt::format("the target does not know the session's other channels: {}",
                                               to_string(response->multichannel))});
    ended.doubt = Doubt::channels;
    return ended;
  }
  deadline_ = begun_ + context_.options.connect_timeout;
  ended_another_ = response->multichannel == wire::MultiChannelResult::terminated;
  ChannelTerms terms;
  terms.request_limit = response->request_limit;
  terms.max_it_iu_bytes = std::min(response->max_it_iu_bytes, requested_iu_bytes_);
  terms.immediate_data = immediate_data_ && response->immediate_data;
  channel_.start(terms);
  step_ = Step::proving;
  using Asks = ProofScope::Asks;
  auto scope = context_.units.scope(joins() ? Asks::presence : Asks::identity);
  scope.until = deadline_;
  context_.proof.start(channel_, scope);
  return std::nullopt;
}

// Old targets reject requests that they do not support. Ask for shorter units without immediate data.
bool Attempt::fall_back() {
  const auto without_immediate_data = std::max(channel_.wanted_iu_bytes(), kSmallestIuBytes);
  if (immediate_data_ && requested_iu_bytes_ > without_immediate_data) {
    requested_iu_bytes_ = without_immediate_data;
  } else if (requested_iu_bytes_ > kSmallestIuBytes) {
    requested_iu_bytes_ = std::max(requested_iu_bytes_ / 2, kSmallestIuBytes);
  } else {
    return false;
  }
  immediate_data_ = false;
  return true;
}

// True if the login can be repeated: unchanged, or asking for less.
bool Attempt::may_ask_again(const fabric::ConnectionEvent& event) {
  if (event.stale && stale_retries_left_ > 0) {
    --stale_retries_left_;
    return true;
  }
  if (!event.consumer) return false;
  const auto reject = reject_of(event);
  return reject && reject->reason == wire::RejectReason::request_iu_too_large && fall_back();
}

Attempt::Ended Attempt::on_rejected(const fabric::ConnectionEvent& event) {
  if (may_ask_again(event)) {
    close(channel_, context_.marks, context_.clock.now());
    step_ = Step::opening;
    return std::nullopt;
  }
  if (!event.consumer) return AttemptOutcome{event.error, ends_for_good(event.error.code)};
  const auto reject = reject_of(event);
  // Some targets reject without an SRP_LOGIN_REJ.
  if (!reject)
    return AttemptOutcome{{Errc::login_no_resources, "the target rejected the login without a reason"}};
  const bool for_now = wire::is_temporary(reject->reason);
  return AttemptOutcome{{for_now ? Errc::login_no_resources : Errc::login_rejected, wire::to_string(*reject)},
                        !for_now};
}

}  // namespace srpi::session
