// SPDX-License-Identifier: Apache-2.0
// Login: SRP_LOGIN_REQ, SRP_LOGIN_RSP, SRP_LOGIN_REJ (SRP r16a). These units travel as private data of the
// connection manager's messages. Private data may be padded with zeroes, so decoders accept bytes after the
// unit.
//
// The request has two forms. InfiniBand's connection manager (IB CM) carries the standard's 64 bytes. The
// RDMA CM has room for 56 bytes after its own header, so Linux leaves out the reserved fields: the compact
// form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/big_endian.hpp"
#include "srpi/error.hpp"
#include "srpi/port_id.hpp"

namespace srpi::wire {

// What the login does to the existing channels of the same I_T nexus. The values 2 and 3 are reserved; a
// target rejects them with RejectReason::multichannel_unsupported.
enum class MultiChannel : std::uint8_t {
  single = 0,       // end the existing channels
  independent = 1,  // keep the existing channels
};

struct LoginRequest {
  std::uint64_t tag = 0;
  std::uint32_t requested_it_iu_bytes = 0;  // the longest unit that we want to send
  bool direct_descriptors = false;
  bool indirect_descriptors = false;
  MultiChannel multichannel = MultiChannel::single;
  bool notify_logout = false;       // LOSOLNT: SRP_T_LOGOUT shall raise a solicited event
  bool notify_credit = false;       // CRSOLNT: so shall SRP_CRED_REQ
  bool notify_async_event = false;  // AESOLNT: so shall SRP_AER_REQ
  bool immediate_data = false;      // Linux's extension: we want to send write data in the command's unit
  std::uint16_t immediate_data_offset = 0;
  PortId initiator_port_id;
  PortId target_port_id;

  bool operator==(const LoginRequest&) const = default;
};

enum class MultiChannelResult : std::uint8_t {
  none_existed = 0,
  terminated = 1,
  maintained = 2,
};

struct LoginResponse {
  std::uint64_t tag = 0;
  std::int32_t request_limit = 0;  // initial, as received; the session checks it
  std::uint32_t max_it_iu_bytes = 0;
  std::uint32_t max_ti_iu_bytes = 0;
  bool direct_descriptors = false;
  bool indirect_descriptors = false;
  MultiChannelResult multichannel = MultiChannelResult::none_existed;
  bool solicited_notification = false;  // SOLNTSUP
  bool immediate_data = false;          // granted

  bool operator==(const LoginResponse&) const = default;
};

enum class RejectReason : std::uint32_t {
  unable_to_establish = 0x00010000,
  insufficient_resources = 0x00010001,
  request_iu_too_large = 0x00010002,
  cannot_associate = 0x00010003,
  unsupported_descriptor_format = 0x00010004,
  multichannel_unsupported = 0x00010005,
  channel_limit_reached = 0x00010006,
};

[[nodiscard]] const char* to_string(MultiChannel) noexcept;
[[nodiscard]] const char* to_string(MultiChannelResult) noexcept;
[[nodiscard]] const char* to_string(RejectReason) noexcept;  // the standard's meaning
[[nodiscard]] const char* advice(RejectReason) noexcept;     // what the user can do about it
[[nodiscard]] bool is_known(RejectReason) noexcept;
// Whether the same login may succeed later. An unknown reason counts as permanent.
[[nodiscard]] bool is_temporary(RejectReason) noexcept;

struct LoginReject {
  std::uint64_t tag = 0;
  RejectReason reason = RejectReason::unable_to_establish;
  bool direct_descriptors = false;  // the formats that the target supports
  bool indirect_descriptors = false;

  bool operator==(const LoginReject&) const = default;
};

inline constexpr std::size_t kLoginRequestBytes = 64;
inline constexpr std::size_t kCompactLoginRequestBytes = 56;
inline constexpr std::size_t kLoginResponseBytes = 52;
inline constexpr std::size_t kLoginRejectBytes = 32;

[[nodiscard]] constexpr std::size_t encoded_bytes(const LoginRequest&) noexcept { return kLoginRequestBytes; }
[[nodiscard]] constexpr std::size_t encoded_bytes(const LoginResponse&) noexcept {
  return kLoginResponseBytes;
}
[[nodiscard]] constexpr std::size_t encoded_bytes(const LoginReject&) noexcept { return kLoginRejectBytes; }

// Each writes the whole unit, reserved fields included, and returns its length. Precondition: the unit fits
// `out`.
std::size_t encode(const LoginRequest&, std::span<std::byte> out) noexcept;
std::size_t encode_compact(const LoginRequest&, std::span<std::byte> out) noexcept;
std::size_t encode(const LoginResponse&, std::span<std::byte> out) noexcept;
std::size_t encode(const LoginReject&, std::span<std::byte> out) noexcept;

[[nodiscard]] Result<LoginRequest> decode_login_request(std::span<const std::byte>);
[[nodiscard]] Result<LoginRequest> decode_compact_login_request(std::span<const std::byte>);
[[nodiscard]] Result<LoginResponse> decode_login_response(std::span<const std::byte>);
[[nodiscard]] Result<LoginReject> decode_login_reject(std::span<const std::byte>);

[[nodiscard]] std::string to_string(const LoginRequest&);
[[nodiscard]] std::string to_string(const LoginResponse&);
[[nodiscard]] std::string to_string(const LoginReject&);  // with reason and advice, for the user

}  // namespace srpi::wire
