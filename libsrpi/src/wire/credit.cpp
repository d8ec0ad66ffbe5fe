// SPDX-License-Identifier: Apache-2.0
#include "wire/credit.hpp"

#include <fmt/format.h>

#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

struct CreditRequestLayout {
  std::uint8_t opcode = 0;
  std::uint8_t solicited = 0;
  std::uint8_t reserved_2[2] = {};
  base::be32 request_limit_delta;
  base::be64 tag;
};
static_assert(sizeof(CreditRequestLayout) == kCreditBytes);
static_assert(offsetof(CreditRequestLayout, request_limit_delta) == 4 &&
              offsetof(CreditRequestLayout, tag) == 8);

struct CreditResponseLayout {
  std::uint8_t opcode = 0;
  std::uint8_t reserved_1[7] = {};
  base::be64 tag;
};
static_assert(sizeof(CreditResponseLayout) == kCreditBytes && offsetof(CreditResponseLayout, tag) == 8);

}  // namespace

std::size_t encode(const CreditRequest& request, std::span<std::byte> out) noexcept {
  auto& raw = start<CreditRequestLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::credit_request);
  raw.solicited = request.solicited ? 1 : 0;
  raw.request_limit_delta = static_cast<std::uint32_t>(request.request_limit_delta);
  raw.tag = request.tag;
  return sizeof raw;
}

std::size_t encode(const CreditResponse& response, std::span<std::byte> out) noexcept {
  auto& raw = start<CreditResponseLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::credit_response);
  raw.tag = response.tag;
  return sizeof raw;
}

Result<CreditRequest> decode_credit_request(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::credit_request, kCreditBytes)) return *error;
  const auto& raw = overlay<CreditRequestLayout>(unit);
  return CreditRequest{raw.tag, static_cast<std::int32_t>(std::uint32_t{raw.request_limit_delta}),
                       (raw.solicited & 1) != 0};
}

Result<CreditResponse> decode_credit_response(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::credit_response, kCreditBytes)) return *error;
  return CreditResponse{overlay<CreditResponseLayout>(unit).tag};
}

std::string to_string(const CreditRequest& r) {
  return fmt::format("SRP_CRED_REQ tag 0x{:016x} request limit {:+}{}", r.tag, r.request_limit_delta,
                     r.solicited ? " solicited" : "");
}

std::string to_string(const CreditResponse& r) { return fmt::format("SRP_CRED_RSP tag 0x{:016x}", r.tag); }

}  // namespace srpi::wire
