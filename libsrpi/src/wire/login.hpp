// SPDX-License-Identifier: Apache-2.0
// Login: SRP_LOGIN_REQ, SRP_LOGIN_RSP, SRP_LOGIN_REJ (SRP r16a). They travel as private data of the
// connection manager's messages, which may come padded with zeroes: decoders accept bytes behind the unit.
//
// The request has two forms. Native InfiniBand's connection manager carries the standard's 64 bytes. The RDMA
// CM leaves 56 (after its own header), so Linux packs the same fields without the reserved ones: the compact
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

// What a login does to the channels that the same I_T nexus has already. 2 and 3 are reserved in requests: a
// target answers them with RejectReason::multichannel_unsupported.
enum class MultiChannel : std::uint8_t {
  single = 0,       // end the others
  independent = 1,  // leave them
};

struct LoginRequest {
  std::uint64_t tag = 0;
  std::uint32_t requested_it_iu_bytes = 0;  // the longest unit we want to send
  bool direct_descriptors = false;
  bool indirect_descriptors = false;
  MultiChannel multichannel = MultiChannel::single;
  bool notify_logout = false;       // LOSOLNT: have SRP_T_LOGOUT raise a solicited event
  bool notify_credit = false;       // CRSOLNT: the same for SRP_CRED_REQ
  bool notify_async_event = false;  // AESOLNT: the same for SRP_AER_REQ
  bool immediate_data = false;      // Linux's extension: we want to send write data behind the command
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
  std::int32_t request_limit = 0;  // initial; anything may have been sent: the session judges it
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
[[nodiscard]] const char* advice(RejectReason) noexcept;  // what to do, and what Linux's target means by it
[[nodiscard]] bool is_known(RejectReason) noexcept;
// Whether the same login may succeed later. An unknown reason counts as permanent.
[[nodiscard]] bool is_temporary(RejectReason) noexcept;

struct LoginReject {
  std::uint64_t tag = 0;
  RejectReason reason = RejectReason::unable_to_establish;
  bool direct_descriptors = false;  // what the target would have supported
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

// Each writes the whole unit, reserved fields included, and returns its length. Precondition: `out` is long
// enough.
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
[[nodiscard]] std::string to_string(const LoginReject&);  // reason and advice, for a user to read

}  // namespace srpi::wire
