// SPDX-License-Identifier: Apache-2.0
#include "nbd/transmission.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace srp_nbd {

using nbd::Command;

RequestStream::Item RequestStream::next(std::span<const std::byte> bytes) noexcept {
  const auto broken = [](const char* problem) { return Item{What::broken, 0, {}, problem}; };
  if (bytes.empty()) return {};
  if (payload_left_ > 0) {
    const std::size_t consumed = std::min<std::size_t>(bytes.size(), payload_left_);
    payload_left_ -= static_cast<std::uint32_t>(consumed);
    return {What::payload, consumed, {}, nullptr};
  }
  // Check the magic number after its four bytes, because a client of another protocol may never send 28
  // bytes.
  const nbd::be32 magic = nbd::kRequestMagic;
  if (std::memcmp(bytes.data(), &magic, std::min(bytes.size(), sizeof magic)) != 0)
    return broken("a request does not begin with NBD's magic number");
  nbd::RequestHeader h;
  if (bytes.size() < sizeof h) return {};
  std::memcpy(&h, bytes.data(), sizeof h);
  const auto command = Command{std::uint16_t{h.type}};
  if (command == Command::write) {
    if (h.length > nbd::kMaxPayloadBytes) return broken("a write announces more than 64 MiB");
    payload_left_ = h.length;
  }
  return {What::request, sizeof h, {command, h.flags, h.cookie, h.offset, h.length}, nullptr};
}

int check_request(const NbdRequest& request, const ExportInfo& e) noexcept {
  std::uint32_t flags = nbd::kCommandFua, needed = 0;
  switch (request.command) {
    case Command::flush: break;
    case Command::read:
    case Command::write:
      if (request.length > e.max_request_bytes) return EINVAL;
      break;
    case Command::trim: needed = nbd::kSendTrim; break;
    case Command::write_zeroes:
      needed = nbd::kSendWriteZeroes;
      flags |= nbd::kCommandNoHole;
      break;
    default: return EINVAL;
  }
  if ((request.flags & ~flags) != 0 || (needed & ~std::uint32_t{e.transmission_flags}) != 0) return EINVAL;
  if (request.command == Command::flush) return 0;
  const bool writes = request.command != Command::read;
  if (writes && (e.transmission_flags & nbd::kReadOnly) != 0) return EPERM;
  if (request.length == 0 || request.offset % e.block_size != 0 || request.length % e.block_size != 0)
    return EINVAL;
  if (request.offset > e.size_bytes || request.length > e.size_bytes - request.offset)
    return writes && request.command != Command::trim ? ENOSPC : EINVAL;
  return 0;
}

}  // namespace srp_nbd
