// SPDX-License-Identifier: Apache-2.0
#include "wire/async_event.hpp"

#include <fmt/format.h>

#include "wire/lun.hpp"
#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

struct AsyncEventRequestLayout {
  std::uint8_t opcode = 0;
  std::uint8_t solicited = 0;
  std::uint8_t reserved_2[2] = {};
  base::be32 request_limit_delta;
  base::be64 tag;
  std::uint8_t reserved_16[4] = {};
  base::be64 lun;
  base::be32 sense_bytes;
  std::uint8_t reserved_32[4] = {};
};
static_assert(sizeof(AsyncEventRequestLayout) == kAsyncEventRequestBytes);
static_assert(offsetof(AsyncEventRequestLayout, request_limit_delta) == 4);
static_assert(offsetof(AsyncEventRequestLayout, tag) == 8 && offsetof(AsyncEventRequestLayout, lun) == 20);
static_assert(offsetof(AsyncEventRequestLayout, sense_bytes) == 28);

struct AsyncEventResponseLayout {
  std::uint8_t opcode = 0;
  std::uint8_t reserved_1[7] = {};
  base::be64 tag;
};
static_assert(sizeof(AsyncEventResponseLayout) == kAsyncEventResponseBytes);
static_assert(offsetof(AsyncEventResponseLayout, tag) == 8);

}  // namespace

std::size_t encode(const AsyncEventRequest& request, std::span<std::byte> out) noexcept {
  const auto bytes = encoded_bytes(request);
  SRPI_CHECK(bytes <= out.size());
  auto& raw = start<AsyncEventRequestLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::async_event_request);
  raw.solicited = request.solicited ? 1 : 0;
  raw.request_limit_delta = static_cast<std::uint32_t>(request.request_limit_delta);
  raw.tag = request.tag;
  raw.lun = request.lun;
  raw.sense_bytes = static_cast<std::uint32_t>(request.sense.size());
  if (!request.sense.empty())
    std::memcpy(out.data() + sizeof raw, request.sense.data(), request.sense.size());
  return bytes;
}

std::size_t encode(const AsyncEventResponse& response, std::span<std::byte> out) noexcept {
  auto& raw = start<AsyncEventResponseLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::async_event_response);
  raw.tag = response.tag;
  return sizeof raw;
}

Result<AsyncEventRequest> decode_async_event_request(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::async_event_request, kAsyncEventRequestBytes)) return *error;
  const auto& raw = overlay<AsyncEventRequestLayout>(unit);
  const auto rest = unit.subspan(kAsyncEventRequestBytes);
  const std::uint32_t sense_bytes = raw.sense_bytes;
  if (sense_bytes > rest.size())
    return malformed("SRP_AER_REQ", fmt::format("sense length {} exceeds the {} bytes left of {} received",
                                                sense_bytes, rest.size(), unit.size()));
  AsyncEventRequest request;
  request.tag = raw.tag;
  request.request_limit_delta = static_cast<std::int32_t>(std::uint32_t{raw.request_limit_delta});
  request.lun = raw.lun;
  request.solicited = (raw.solicited & 1) != 0;
  request.sense = rest.first(sense_bytes);
  return request;
}

Result<AsyncEventResponse> decode_async_event_response(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::async_event_response, kAsyncEventResponseBytes)) return *error;
  return AsyncEventResponse{overlay<AsyncEventResponseLayout>(unit).tag};
}

std::string to_string(const AsyncEventRequest& r) {
  auto text = fmt::format("SRP_AER_REQ tag 0x{:016x} LUN {} request limit {:+} sense", r.tag,
                          lun_to_string(r.lun), r.request_limit_delta);
  for (const auto b : r.sense) text += fmt::format(" {:02x}", static_cast<unsigned>(b));
  if (r.sense.empty()) text += " none";
  if (r.solicited) text += " solicited";
  return text;
}

std::string to_string(const AsyncEventResponse& r) { return fmt::format("SRP_AER_RSP tag 0x{:016x}", r.tag); }

}  // namespace srpi::wire
