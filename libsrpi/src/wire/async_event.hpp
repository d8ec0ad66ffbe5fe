// SPDX-License-Identifier: Apache-2.0
// SRP_AER_REQ and SRP_AER_RSP: the target reports an event of a logical unit as sense data (SRP r16a).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::wire {

struct AsyncEventRequest {
  std::uint64_t tag = 0;
  std::int32_t request_limit_delta = 0;
  std::uint64_t lun = 0;
  bool solicited = false;
  std::span<const std::byte> sense;  // of a received request: points into the received bytes
};

// The answer. It repeats the request's tag and uses no credit.
struct AsyncEventResponse {
  std::uint64_t tag = 0;

  bool operator==(const AsyncEventResponse&) const = default;
};

inline constexpr std::size_t kAsyncEventRequestBytes = 36;  // plus the sense data
inline constexpr std::size_t kAsyncEventResponseBytes = 16;
[[nodiscard]] constexpr std::size_t encoded_bytes(const AsyncEventRequest& r) noexcept {
  return kAsyncEventRequestBytes + r.sense.size();
}
[[nodiscard]] constexpr std::size_t encoded_bytes(const AsyncEventResponse&) noexcept {
  return kAsyncEventResponseBytes;
}
std::size_t encode(const AsyncEventRequest&, std::span<std::byte> out) noexcept;
std::size_t encode(const AsyncEventResponse&, std::span<std::byte> out) noexcept;
[[nodiscard]] Result<AsyncEventRequest> decode_async_event_request(std::span<const std::byte> unit);
[[nodiscard]] Result<AsyncEventResponse> decode_async_event_response(std::span<const std::byte> unit);
[[nodiscard]] std::string to_string(const AsyncEventRequest&);
[[nodiscard]] std::string to_string(const AsyncEventResponse&);

}  // namespace srpi::wire
