// SPDX-License-Identifier: Apache-2.0
#include "wire/login.hpp"

#include <fmt/format.h>

#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

using base::be16;
using base::be32;
using base::be64;

// The native form, from the standard.
struct LoginRequestLayout {
  std::uint8_t opcode = 0;
  std::uint8_t reserved_1[7] = {};
  be64 tag;
  be32 requested_it_iu_bytes;
  std::uint8_t reserved_20[4] = {};
  be16 formats;
  std::uint8_t flags = 0;
  std::uint8_t reserved_27 = 0;
  be16 immediate_data_offset;
  std::uint8_t reserved_30[2] = {};
  std::array<std::uint8_t, 16> initiator_port_id{};
  std::array<std::uint8_t, 16> target_port_id{};
};
static_assert(sizeof(LoginRequestLayout) == kLoginRequestBytes);
static_assert(offsetof(LoginRequestLayout, tag) == 8 &&
              offsetof(LoginRequestLayout, requested_it_iu_bytes) == 16);
static_assert(offsetof(LoginRequestLayout, formats) == 24 && offsetof(LoginRequestLayout, flags) == 26);
static_assert(offsetof(LoginRequestLayout, immediate_data_offset) == 28);
static_assert(offsetof(LoginRequestLayout, initiator_port_id) == 32);
static_assert(offsetof(LoginRequestLayout, target_port_id) == 48);

// The compact form, from Linux.
struct CompactLoginRequestLayout {
  be64 tag;
  be16 formats;
  std::uint8_t flags = 0;
  std::uint8_t opcode = 0;
  be32 requested_it_iu_bytes;
  std::array<std::uint8_t, 16> initiator_port_id{};
  std::array<std::uint8_t, 16> target_port_id{};
  be16 immediate_data_offset;
  std::uint8_t reserved_50[6] = {};
};
static_assert(sizeof(CompactLoginRequestLayout) == kCompactLoginRequestBytes);
static_assert(offsetof(CompactLoginRequestLayout, formats) == 8 &&
              offsetof(CompactLoginRequestLayout, flags) == 10);
static_assert(offsetof(CompactLoginRequestLayout, opcode) == 11);
static_assert(offsetof(CompactLoginRequestLayout, requested_it_iu_bytes) == 12);
static_assert(offsetof(CompactLoginRequestLayout, initiator_port_id) == 16);
static_assert(offsetof(CompactLoginRequestLayout, target_port_id) == 32);
static_assert(offsetof(CompactLoginRequestLayout, immediate_data_offset) == 48);

struct LoginResponseLayout {
  std::uint8_t opcode = 0;
  std::uint8_t reserved_1[3] = {};
  be32 request_limit;
  be64 tag;
  be32 max_it_iu_bytes;
  be32 max_ti_iu_bytes;
  be16 formats;
  std::uint8_t flags = 0;
  std::uint8_t reserved_27[25] = {};
};
static_assert(sizeof(LoginResponseLayout) == kLoginResponseBytes);
static_assert(offsetof(LoginResponseLayout, request_limit) == 4 && offsetof(LoginResponseLayout, tag) == 8);
static_assert(offsetof(LoginResponseLayout, max_it_iu_bytes) == 16);
static_assert(offsetof(LoginResponseLayout, max_ti_iu_bytes) == 20);
static_assert(offsetof(LoginResponseLayout, formats) == 24 && offsetof(LoginResponseLayout, flags) == 26);

struct LoginRejectLayout {
  std::uint8_t opcode = 0;
  std::uint8_t reserved_1[3] = {};
  be32 reason;
  be64 tag;
  std::uint8_t reserved_16[8] = {};
  be16 formats;
  std::uint8_t reserved_26[6] = {};
};
static_assert(sizeof(LoginRejectLayout) == kLoginRejectBytes);
static_assert(offsetof(LoginRejectLayout, reason) == 4 && offsetof(LoginRejectLayout, tag) == 8);
static_assert(offsetof(LoginRejectLayout, formats) == 24);

constexpr std::uint16_t kDirect = 0x0002;
constexpr std::uint16_t kIndirect = 0x0004;
constexpr std::uint8_t kMultiChannelMask = 0x03;
// Flags of requests
constexpr std::uint8_t kNotifyLogout = 0x10;
constexpr std::uint8_t kNotifyCredit = 0x20;
constexpr std::uint8_t kNotifyAsyncEvent = 0x40;
// Flags of responses
constexpr std::uint8_t kSolicitedNotification = 0x10;
// Flags of both
constexpr std::uint8_t kImmediateData = 0x80;

constexpr std::uint8_t bit(bool on, std::uint8_t mask) { return on ? mask : std::uint8_t{0}; }

template<class Unit>
std::uint16_t formats_of(const Unit& unit) {
  return static_cast<std::uint16_t>((unit.direct_descriptors ? kDirect : 0) |
                                    (unit.indirect_descriptors ? kIndirect : 0));
}

template<class Unit>
void set_formats(Unit& unit, std::uint16_t formats) {
  unit.direct_descriptors = (formats & kDirect) != 0;
  unit.indirect_descriptors = (formats & kIndirect) != 0;
}

std::string format_names(bool direct, bool indirect) {
  if (direct && indirect) return "direct and indirect descriptors";
  if (direct) return "direct descriptors only";
  if (indirect) return "indirect descriptors only";
  return "no descriptor format";
}

// Both forms have the same fields.
template<class Layout>
std::size_t encode_as(const LoginRequest& request, std::span<std::byte> out) noexcept {
  auto& raw = start<Layout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::login_request);
  raw.tag = request.tag;
  raw.requested_it_iu_bytes = request.requested_it_iu_bytes;
  raw.formats = formats_of(request);
  raw.flags = static_cast<std::uint8_t>(
      (static_cast<std::uint8_t>(request.multichannel) & kMultiChannelMask) |
      bit(request.notify_logout, kNotifyLogout) | bit(request.notify_credit, kNotifyCredit) |
      bit(request.notify_async_event, kNotifyAsyncEvent) | bit(request.immediate_data, kImmediateData));
  raw.immediate_data_offset = request.immediate_data_offset;
  raw.initiator_port_id = request.initiator_port_id.bytes;
  raw.target_port_id = request.target_port_id.bytes;
  return sizeof(Layout);
}

template<class Layout>
LoginRequest decode_as(std::span<const std::byte> unit) {
  const auto& raw = overlay<Layout>(unit);
  LoginRequest request;
  request.tag = raw.tag;
  request.requested_it_iu_bytes = raw.requested_it_iu_bytes;
  set_formats(request, raw.formats);
  request.multichannel = static_cast<MultiChannel>(raw.flags & kMultiChannelMask);
  request.notify_logout = (raw.flags & kNotifyLogout) != 0;
  request.notify_credit = (raw.flags & kNotifyCredit) != 0;
  request.notify_async_event = (raw.flags & kNotifyAsyncEvent) != 0;
  request.immediate_data = (raw.flags & kImmediateData) != 0;
  request.immediate_data_offset = raw.immediate_data_offset;
  request.initiator_port_id.bytes = raw.initiator_port_id;
  request.target_port_id.bytes = raw.target_port_id;
  return request;
}

}  // namespace

const char* to_string(MultiChannel action) noexcept {
  switch (action) {
    case MultiChannel::single: return "single channel";
    case MultiChannel::independent: return "independent channels";
  }
  return "reserved multichannel action";
}

const char* to_string(MultiChannelResult result) noexcept {
  switch (result) {
    case MultiChannelResult::none_existed: return "no channel existed";
    case MultiChannelResult::terminated: return "existing channels terminated";
    case MultiChannelResult::maintained: return "existing channels maintained";
  }
  return "reserved multichannel result";
}

std::size_t encode(const LoginRequest& request, std::span<std::byte> out) noexcept {
  return encode_as<LoginRequestLayout>(request, out);
}

std::size_t encode_compact(const LoginRequest& request, std::span<std::byte> out) noexcept {
  return encode_as<CompactLoginRequestLayout>(request, out);
}

std::size_t encode(const LoginResponse& response, std::span<std::byte> out) noexcept {
  auto& raw = start<LoginResponseLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::login_response);
  raw.request_limit = static_cast<std::uint32_t>(response.request_limit);
  raw.tag = response.tag;
  raw.max_it_iu_bytes = response.max_it_iu_bytes;
  raw.max_ti_iu_bytes = response.max_ti_iu_bytes;
  raw.formats = formats_of(response);
  raw.flags =
      static_cast<std::uint8_t>((static_cast<std::uint8_t>(response.multichannel) & kMultiChannelMask) |
                                bit(response.solicited_notification, kSolicitedNotification) |
                                bit(response.immediate_data, kImmediateData));
  return sizeof raw;
}

std::size_t encode(const LoginReject& reject, std::span<std::byte> out) noexcept {
  auto& raw = start<LoginRejectLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::login_reject);
  raw.reason = static_cast<std::uint32_t>(reject.reason);
  raw.tag = reject.tag;
  raw.formats = formats_of(reject);
  return sizeof raw;
}

Result<LoginRequest> decode_login_request(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::login_request, kLoginRequestBytes)) return *error;
  return decode_as<LoginRequestLayout>(unit);
}

Result<LoginRequest> decode_compact_login_request(std::span<const std::byte> unit) {
  constexpr auto kCompactName = "compact SRP_LOGIN_REQ";
  if (unit.size() < kCompactLoginRequestBytes)
    return too_short(kCompactName, unit.size(), kCompactLoginRequestBytes);
  if (const auto opcode = overlay<CompactLoginRequestLayout>(unit).opcode;
      opcode != static_cast<std::uint8_t>(Opcode::login_request))
    return malformed(kCompactName,
                     fmt::format("opcode 0x{:02x} at byte 11 received instead of 0x00", opcode));
  return decode_as<CompactLoginRequestLayout>(unit);
}

Result<LoginResponse> decode_login_response(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::login_response, kLoginResponseBytes)) return *error;
  const auto& raw = overlay<LoginResponseLayout>(unit);
  LoginResponse response;
  response.tag = raw.tag;
  response.request_limit = static_cast<std::int32_t>(std::uint32_t{raw.request_limit});
  response.max_it_iu_bytes = raw.max_it_iu_bytes;
  response.max_ti_iu_bytes = raw.max_ti_iu_bytes;
  set_formats(response, raw.formats);
  response.multichannel = static_cast<MultiChannelResult>(raw.flags & kMultiChannelMask);
  response.solicited_notification = (raw.flags & kSolicitedNotification) != 0;
  response.immediate_data = (raw.flags & kImmediateData) != 0;
  return response;
}

Result<LoginReject> decode_login_reject(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::login_reject, kLoginRejectBytes)) return *error;
  const auto& raw = overlay<LoginRejectLayout>(unit);
  LoginReject reject;
  reject.tag = raw.tag;
  reject.reason = static_cast<RejectReason>(std::uint32_t{raw.reason});
  set_formats(reject, raw.formats);
  return reject;
}

std::string to_string(const LoginRequest& r) {
  return fmt::format(
      "SRP_LOGIN_REQ tag 0x{:016x} initiator port id {} target port id {} max unit {} bytes, {}, {}, "
      "immediate data {}"
      "{}{}{}",
      r.tag, r.initiator_port_id.to_string(), r.target_port_id.to_string(), r.requested_it_iu_bytes,
      format_names(r.direct_descriptors, r.indirect_descriptors), to_string(r.multichannel),
      r.immediate_data ? fmt::format("at offset {}", r.immediate_data_offset) : "not requested",
      r.notify_logout ? ", solicited logout" : "", r.notify_credit ? ", solicited credit request" : "",
      r.notify_async_event ? ", solicited asynchronous event" : "");
}

std::string to_string(const LoginResponse& r) {
  return fmt::format(
      "SRP_LOGIN_RSP tag 0x{:016x} request limit {} max unit {} bytes to the target, {} from it, {}, {}, "
      "immediate data "
      "{}{}",
      r.tag, r.request_limit, r.max_it_iu_bytes, r.max_ti_iu_bytes,
      format_names(r.direct_descriptors, r.indirect_descriptors), to_string(r.multichannel),
      r.immediate_data ? "granted" : "not granted",
      r.solicited_notification ? ", solicited notification" : "");
}

std::string to_string(const LoginReject& r) {
  return fmt::format("SRP_LOGIN_REJ tag 0x{:016x} reason 0x{:08x}: {}; {}", r.tag,
                     static_cast<std::uint32_t>(r.reason), to_string(r.reason), advice(r.reason));
}

}  // namespace srpi::wire
