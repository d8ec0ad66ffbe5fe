// SPDX-License-Identifier: Apache-2.0
// A client's bytes in the transmission phase, at once and in pieces. The first byte is the size of the
// pieces. Both ways must have the same result.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nbd/transmission.hpp"

namespace {

std::uint64_t digest(std::span<const std::byte> bytes, std::size_t step) {
  using What = srp_nbd::RequestStream::What;
  srp_nbd::ExportInfo limits;
  limits.size_bytes = 1u << 20;
  limits.max_request_bytes = 65536;
  limits.transmission_flags = 0x6d;
  srp_nbd::RequestStream stream;
  std::uint64_t sum = 0;
  std::size_t at = 0, end = 0;
  while (end < bytes.size()) {
    end = std::min(bytes.size(), end + step);
    for (;;) {
      const auto item = stream.next(bytes.subspan(at, end - at));
      if (item.what == What::broken) return sum * 31 + 1;
      if (item.what == What::need_more) break;
      if (item.consumed == 0 || item.consumed > end - at) __builtin_trap();
      at += item.consumed;
      if (item.what == What::request)
        sum =
            sum * 31 + item.request.cookie + static_cast<std::uint64_t>(check_request(item.request, limits));
    }
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  if (digest(bytes, bytes.size()) != digest(bytes, data[0] + 1u)) __builtin_trap();
  return 0;
}
