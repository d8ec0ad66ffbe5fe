// SPDX-License-Identifier: Apache-2.0
#include "nbd/request_stream.hpp"

#include <algorithm>
#include <cstring>

namespace srp_nbd {

using nbd::Command;
using nbd::WireError;

RequestStream::Item RequestStream::next(std::span<const std::byte> bytes) noexcept {
  Item item;
  if (broken_) {
    item.what = What::broken;
    item.problem = "the stream was broken before";
    return item;
  }
  if (bytes.empty()) return item;
  if (payload_left_ > 0) {
    item.what = What::payload;
    item.consumed = std::min<std::size_t>(bytes.size(), payload_left_);
    payload_left_ -= static_cast<std::uint32_t>(item.consumed);
    return item;
  }
  nbd::RequestHeader header;
  // Check the magic number after its four bytes, because a client of another protocol may never send 28
  // bytes.
  const std::size_t magic_bytes = std::min(bytes.size(), sizeof header.magic);
  const nbd::be32 expected = nbd::kRequestMagic;
  if (std::memcmp(bytes.data(), &expected, magic_bytes) != 0) {
    broken_ = true;
    item.what = What::broken;
    item.problem = "a request does not begin with NBD's magic number";
    return item;
  }
  if (bytes.size() < sizeof header) return item;

  std::memcpy(&header, bytes.data(), sizeof header);
  item.request = {header.type, header.flags, header.cookie, header.offset, header.length};
  if (item.request.type == static_cast<std::uint16_t>(Command::write)) {
    if (item.request.length > nbd::kMaxPayloadBytes) {
      broken_ = true;
      item.what = What::broken;
      item.problem = "a write announces more than 32 MiB";
      return item;
    }
    payload_left_ = item.request.length;
  }
  item.what = What::request;
  item.consumed = sizeof header;
  return item;
}

WireError check_request(const NbdRequest& request, const RequestLimits& limits) noexcept {
  const auto flags_allowed = [&](std::uint16_t allowed) { return (request.flags & ~allowed) == 0; };
  const bool past_end =
      request.offset > limits.size_bytes || request.length > limits.size_bytes - request.offset;
  const bool aligned = request.offset % limits.block_size == 0 && request.length % limits.block_size == 0;

  bool writes = true;
  switch (static_cast<Command>(request.type)) {
    case Command::disconnect: return WireError::ok;
    case Command::flush: return flags_allowed(nbd::kCommandFua) ? WireError::ok : WireError::invalid;
    case Command::read:
      if (request.length > limits.max_request_bytes) return WireError::invalid;
      if (!flags_allowed(nbd::kCommandFua)) return WireError::invalid;
      writes = false;
      break;
    case Command::write:
      if (request.length > limits.max_request_bytes) return WireError::invalid;
      if (!flags_allowed(nbd::kCommandFua)) return WireError::invalid;
      break;
    case Command::trim:
      if ((limits.transmission_flags & nbd::kSendTrim) == 0) return WireError::invalid;
      if (!flags_allowed(nbd::kCommandFua)) return WireError::invalid;
      break;
    case Command::write_zeroes:
      if ((limits.transmission_flags & nbd::kSendWriteZeroes) == 0) return WireError::invalid;
      if (!flags_allowed(nbd::kCommandFua | nbd::kCommandNoHole)) return WireError::invalid;
      break;
    default: return WireError::invalid;
  }
  if (writes && (limits.transmission_flags & nbd::kReadOnly) != 0) return WireError::not_permitted;
  if (request.length == 0 || !aligned) return WireError::invalid;
  if (past_end) return writes ? WireError::no_space : WireError::invalid;
  return WireError::ok;
}

}  // namespace srp_nbd
