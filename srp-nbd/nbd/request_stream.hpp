// SPDX-License-Identifier: Apache-2.0
// Takes the stream of a client in transmission phase apart. Pure: it looks at bytes and keeps nothing of them but
// how much payload is still to come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nbd/wire.hpp"

namespace srp_nbd {

struct NbdRequest {
  std::uint16_t type = 0;  // nbd::Command, or a number we do not know
  std::uint16_t flags = 0;
  std::uint64_t cookie = 0;
  std::uint64_t offset = 0;  // bytes
  std::uint32_t length = 0;  // bytes
};

class RequestStream {
 public:
  enum class What : std::uint8_t {
    need_more,  // nothing consumed: show these bytes again with more behind them (a header is 28)
    request,    // `request` is filled in; a write's payload follows
    payload,    // the next `consumed` bytes belong to the write that came last
    broken,     // not NBD, or a payload beyond kMaxPayloadBytes: the stream has no continuation
  };
  struct Item {
    What what = What::need_more;
    std::size_t consumed = 0;
    NbdRequest request;
    const char* problem = nullptr;  // broken: in words
  };

  // What stands at the beginning of `bytes`, which begin where the last call's `consumed` ended.
  [[nodiscard]] Item next(std::span<const std::byte> bytes) noexcept;

  // Bytes of the current write's payload still to come. 0: at a boundary between requests.
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

// Whether the request can be executed; otherwise the error that its sender gets. Misaligned, empty, oversized or
// unknown: invalid; beyond the end: no_space for what writes, invalid for a read; not_permitted on a read-only unit.
[[nodiscard]] nbd::WireError check_request(const NbdRequest&, const RequestLimits&) noexcept;

}  // namespace srp_nbd
