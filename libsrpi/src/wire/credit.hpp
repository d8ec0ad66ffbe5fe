// SPDX-License-Identifier: Apache-2.0
// SRP_CRED_REQ and SRP_CRED_RSP: the target changes the request limit outside a response (SRP r16a).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::wire {

struct CreditRequest {
  std::uint64_t tag = 0;
  std::int32_t request_limit_delta = 0;
  bool solicited = false;

  bool operator==(const CreditRequest&) const = default;
};

// The answer. It repeats the request's tag and uses no credit.
struct CreditResponse {
  std::uint64_t tag = 0;

  bool operator==(const CreditResponse&) const = default;
};

inline constexpr std::size_t kCreditBytes = 16;  // of both units
[[nodiscard]] constexpr std::size_t encoded_bytes(const CreditRequest&) noexcept { return kCreditBytes; }
[[nodiscard]] constexpr std::size_t encoded_bytes(const CreditResponse&) noexcept { return kCreditBytes; }
std::size_t encode(const CreditRequest&, std::span<std::byte> out) noexcept;
std::size_t encode(const CreditResponse&, std::span<std::byte> out) noexcept;
[[nodiscard]] Result<CreditRequest> decode_credit_request(std::span<const std::byte> unit);
[[nodiscard]] Result<CreditResponse> decode_credit_response(std::span<const std::byte> unit);
[[nodiscard]] std::string to_string(const CreditRequest&);
[[nodiscard]] std::string to_string(const CreditResponse&);

}  // namespace srpi::wire
