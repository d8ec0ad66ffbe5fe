// SPDX-License-Identifier: Apache-2.0
// Parses the stream of a client in the transmission phase. It stores only how much payload is still to come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nbd/wire.hpp"

namespace srp_nbd {

struct NbdRequest {
  std::uint16_t type = 0;  // nbd::Command, or an unknown number
  std::uint16_t flags = 0;
  std::uint64_t cookie = 0;
  std::uint64_t offset = 0;  // bytes
  std::uint32_t length = 0;  // bytes
};

class RequestStream {
 public:
  enum class What : std::uint8_t {
    need_more,  // nothing consumed: pass these bytes again with more (a header has 28)
    request,    // `request` is set; a write's payload follows
    payload,    // the next `consumed` bytes belong to the last write
    broken,     // not NBD, or a payload longer than kMaxPayloadBytes: the stream cannot continue
  };
  struct Item {
    What what = What::need_more;
    std::size_t consumed = 0;
    NbdRequest request;
    const char* problem = nullptr;  // broken: the reason
  };

  // The item at the start of `bytes`. They must continue after the bytes that the last call consumed.
  [[nodiscard]] Item next(std::span<const std::byte> bytes) noexcept;

  // The missing bytes of the present write's payload. 0 means a boundary between requests.
  [[nodiscard]] std::uint32_t payload_left() const noexcept { return payload_left_; }

 private:
  std::uint32_t payload_left_ = 0;
  bool broken_ = false;
};

struct RequestLimits {
  std::uint64_t size_bytes = 0;
  std::uint32_t block_size = 512;
  std::uint32_t max_request_bytes = 0;  // of a read or write
  std::uint16_t transmission_flags = 0;
};

// The error for the client, or success if the request can be executed. Misaligned, empty, oversized or
// unknown: invalid. Beyond the end: no_space for writes, invalid for reads. A write to a read-only unit:
// not_permitted.
[[nodiscard]] nbd::WireError check_request(const NbdRequest&, const RequestLimits&) noexcept;

}  // namespace srp_nbd
