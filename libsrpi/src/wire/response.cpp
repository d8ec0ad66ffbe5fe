// SPDX-License-Identifier: Apache-2.0
#include "wire/response.hpp"

#include <fmt/format.h>

#include "wire/unit.hpp"

namespace srpi::wire {

std::size_t encode(const Response& response, std::span<std::byte> out) noexcept {
  SRPI_CHECK(response.response_data_valid() || response.response_data.empty());
  SRPI_CHECK(response.sense_valid() || response.sense.empty());
  const auto bytes = encoded_bytes(response);
  SRPI_CHECK(bytes <= out.size());

  auto& raw = start<layout::Response>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::response);
  raw.solicited = response.solicited ? 1 : 0;
  raw.request_limit_delta = to_be(static_cast<std::uint32_t>(response.request_limit_delta));
  raw.tag = to_be(response.tag);
  raw.flags = response.flags;
  raw.status = response.status;
  raw.data_out_residual_bytes = to_be(response.data_out_residual_bytes);
  raw.data_in_residual_bytes = to_be(response.data_in_residual_bytes);
  raw.sense_bytes = to_be(static_cast<std::uint32_t>(response.sense.size()));
  raw.response_data_bytes = to_be(static_cast<std::uint32_t>(response.response_data.size()));
  auto* at = out.data() + kResponseBytes;
  if (!response.response_data.empty()) {
    std::memcpy(at, response.response_data.data(), response.response_data.size());
    at += response.response_data.size();
  }
  if (!response.sense.empty()) std::memcpy(at, response.sense.data(), response.sense.size());
  return bytes;
}

bool try_decode_response(std::span<const std::byte> unit, Response& response) noexcept {
  if (unit.size() < kResponseBytes) return false;
  const auto& raw = overlay<layout::Response>(unit);
  if (raw.opcode != static_cast<std::uint8_t>(Opcode::response)) return false;

  response.tag = from_be(raw.tag);
  response.request_limit_delta = static_cast<std::int32_t>(from_be(raw.request_limit_delta));
  response.flags = raw.flags;
  response.status = raw.status;
  response.solicited = (raw.solicited & 1) != 0;
  response.data_out_residual_bytes = from_be(raw.data_out_residual_bytes);
  response.data_in_residual_bytes = from_be(raw.data_in_residual_bytes);
  response.response_data = {};
  response.sense = {};
  if (__builtin_expect((raw.flags & (kResponseDataValid | kSenseValid)) == 0, 1)) return true;

  auto rest = unit.subspan(kResponseBytes);
  if (response.response_data_valid()) {
    const std::size_t bytes = from_be(raw.response_data_bytes);
    if (bytes > rest.size()) return false;
    response.response_data = rest.first(bytes);
    rest = rest.subspan(bytes);
  }
  if (response.sense_valid()) {
    const std::size_t bytes = from_be(raw.sense_bytes);
    if (bytes > rest.size()) return false;
    response.sense = rest.first(bytes);
  }
  return true;
}

Result<Response> decode_response(std::span<const std::byte> unit) {
  Response response;
  if (try_decode_response(unit, response)) return response;
  if (auto error = check_unit(unit, Opcode::response, kResponseBytes)) return *error;

  // The unit's length and opcode are right, so one of the two length fields is wrong.
  const auto& raw = overlay<layout::Response>(unit);
  std::size_t left = unit.size() - kResponseBytes;
  const std::size_t response_data = response.response_data_valid() ? from_be(raw.response_data_bytes) : 0;
  const bool is_sense = response_data <= left;
  if (is_sense) left -= response_data;
  return malformed(
      "SRP_RSP",
      fmt::format("{} length {} exceeds the {} bytes left of {} received (tag 0x{:016x})",
                  is_sense ? "sense" : "response data", is_sense ? from_be(raw.sense_bytes) : response_data,
                  left, unit.size(), response.tag));
}

std::string to_string(const Response& r) {
  auto text = fmt::format("SRP_RSP tag 0x{:016x} request limit {:+} SCSI status 0x{:02x}", r.tag,
                          r.request_limit_delta, r.status);
  if (r.flags & kDataOutOver) text += fmt::format(" data-out {} bytes over", r.data_out_residual_bytes);
  if (r.flags & kDataOutUnder) text += fmt::format(" data-out {} bytes under", r.data_out_residual_bytes);
  if (r.flags & kDataInOver) text += fmt::format(" data-in {} bytes over", r.data_in_residual_bytes);
  if (r.flags & kDataInUnder) text += fmt::format(" data-in {} bytes under", r.data_in_residual_bytes);
  if (const auto result = r.task_result())
    text += fmt::format(" result {} ({})", static_cast<unsigned>(*result), to_string(*result));
  else if (r.response_data_valid())
    text += fmt::format(" response data of {} bytes", r.response_data.size());
  if (r.sense_valid()) {
    text += " sense";
    for (const auto b : r.sense) text += fmt::format(" {:02x}", static_cast<unsigned>(b));
  }
  if (r.solicited) text += " solicited";
  return text;
}

}  // namespace srpi::wire
