// SPDX-License-Identifier: Apache-2.0
// SRP_RSP: the answer to a command or a task management function (SRP r16a). Response data and then sense
// data follow the 36 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/big_endian.hpp"
#include "srpi/error.hpp"
#include "wire/task_management.hpp"

namespace srpi::wire {

namespace layout {

struct Response {
  std::uint8_t opcode = 0;
  std::uint8_t solicited = 0;
  std::uint8_t reserved_2[2] = {};
  base::be32 request_limit_delta;
  base::be64 tag;
  std::uint8_t reserved_16[2] = {};
  std::uint8_t flags = 0;
  std::uint8_t status = 0;
  base::be32 data_out_residual_bytes;
  base::be32 data_in_residual_bytes;
  base::be32 sense_bytes;
  base::be32 response_data_bytes;
};
static_assert(sizeof(Response) == 36);
static_assert(offsetof(Response, request_limit_delta) == 4 && offsetof(Response, tag) == 8);
static_assert(offsetof(Response, flags) == 18 && offsetof(Response, status) == 19);
static_assert(offsetof(Response, data_out_residual_bytes) == 20 &&
              offsetof(Response, data_in_residual_bytes) == 24);
static_assert(offsetof(Response, sense_bytes) == 28 && offsetof(Response, response_data_bytes) == 32);

}  // namespace layout

inline constexpr std::size_t kResponseBytes = sizeof(layout::Response);

// Bits of Response::flags.
inline constexpr std::uint8_t kResponseDataValid = 0x01;
inline constexpr std::uint8_t kSenseValid = 0x02;
inline constexpr std::uint8_t kDataOutOver = 0x04;
inline constexpr std::uint8_t kDataOutUnder = 0x08;
inline constexpr std::uint8_t kDataInOver = 0x10;
inline constexpr std::uint8_t kDataInUnder = 0x20;

// A response to send, or a received one. The spans of a received response point into the received bytes.
struct Response {
  std::uint64_t tag = 0;
  std::int32_t request_limit_delta = 0;
  std::uint8_t flags = 0;
  std::uint8_t status = 0;                    // SCSI status
  bool solicited = false;                     // SOLNT
  std::uint32_t data_out_residual_bytes = 0;  // valid only with an over or under flag
  std::uint32_t data_in_residual_bytes = 0;
  std::span<const std::byte> response_data;  // empty unless kResponseDataValid
  std::span<const std::byte> sense;          // empty unless kSenseValid

  [[nodiscard]] bool response_data_valid() const noexcept { return (flags & kResponseDataValid) != 0; }
  [[nodiscard]] bool sense_valid() const noexcept { return (flags & kSenseValid) != 0; }
  // Requested bytes that the target did not transfer; 0 without the "under" flag.
  [[nodiscard]] std::uint32_t data_out_residual_if_under() const noexcept {
    return flags & kDataOutUnder ? data_out_residual_bytes : 0;
  }
  [[nodiscard]] std::uint32_t data_in_residual_if_under() const noexcept {
    return flags & kDataInUnder ? data_in_residual_bytes : 0;
  }
  // Bytes that did not fit the buffer; 0 without the "over" flag.
  [[nodiscard]] std::uint32_t data_out_residual_if_over() const noexcept {
    return flags & kDataOutOver ? data_out_residual_bytes : 0;
  }
  [[nodiscard]] std::uint32_t data_in_residual_if_over() const noexcept {
    return flags & kDataInOver ? data_in_residual_bytes : 0;
  }
  // Byte 3 of the response data: the result of a task management function, or why the target did not accept a
  // command's unit. nullopt if there are less than 4 bytes of response data.
  [[nodiscard]] std::optional<TaskResult> task_result() const noexcept {
    if (!response_data_valid() || response_data.size() < 4) return std::nullopt;
    return static_cast<TaskResult>(response_data[3]);
  }
};

[[nodiscard]] constexpr std::size_t encoded_bytes(const Response& r) noexcept {
  return kResponseBytes + r.response_data.size() + r.sense.size();
}
// Precondition: a span is empty unless its flag is set.
std::size_t encode(const Response&, std::span<std::byte> out) noexcept;

// Allocates nothing. Returns false for a malformed unit; decode_response then says what is wrong with it. A
// length field counts only if its flag is set (SRP r16a); without the flag, the span is empty.
[[nodiscard]] bool try_decode_response(std::span<const std::byte> unit, Response&) noexcept;
[[nodiscard]] Result<Response> decode_response(std::span<const std::byte> unit);

[[nodiscard]] std::string to_string(const Response&);

}  // namespace srpi::wire
