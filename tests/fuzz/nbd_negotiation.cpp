// SPDX-License-Identifier: Apache-2.0
// A client's bytes during negotiation. The first byte is the size of the pieces in which they arrive; if it is odd,
// the client is turned away.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "nbd/negotiation.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] + 1u;
  std::span<const std::byte> rest(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  srp_nbd::Negotiation n([] {
    srp_nbd::ExportInfo e;
    e.name = "lun0";
    return std::vector<srp_nbd::ExportInfo>{e};
  });
  if (data[0] % 2 != 0) n.turn_away(srp_nbd::nbd::OptionReply::error_policy, "no room");
  while (!rest.empty() && n.outcome() == srp_nbd::Negotiation::Outcome::going_on) {
    const auto piece = rest.first(std::min(step, rest.size()));
    const auto consumed = n.feed(piece);
    if (consumed > piece.size()) __builtin_trap();
    if (n.outcome() == srp_nbd::Negotiation::Outcome::going_on && consumed != piece.size()) __builtin_trap();
    rest = rest.subspan(piece.size());
    (void)n.take_output();
  }
  return 0;
}
