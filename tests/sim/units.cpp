// SPDX-License-Identifier: Apache-2.0
#include "units.hpp"

namespace srpi::sim {

std::vector<std::byte> response_unit(const wire::Response& response) {
  std::vector<std::byte> unit(wire::encoded_bytes(response));
  wire::encode(response, unit);
  return unit;
}

std::vector<std::byte> nothing_transferred(std::uint64_t tag, bool read, base::Random& random) {
  wire::Response response;
  response.tag = tag;
  response.request_limit_delta = 1;
  response.flags = read ? wire::kDataInUnder : wire::kDataOutUnder;
  (read ? response.data_in_residual_bytes : response.data_out_residual_bytes) =
      random.chance(1, 2) ? 0xffffffffu : 1u << 24;
  return response_unit(response);
}

std::vector<std::byte> malformed_response(std::uint64_t tag, base::Random& random) {
  wire::Response response;
  response.tag = tag;
  response.request_limit_delta = 1;
  auto unit = response_unit(response);
  if (random.chance(1, 2)) {
    unit.resize(random.below(unit.size()));
    return unit;
  }
  const bool sense = random.chance(1, 2);
  unit[18] = static_cast<std::byte>(sense ? wire::kSenseValid : wire::kResponseDataValid);
  const std::size_t at = sense ? 28 : 32;
  for (std::size_t i = at; i < at + 4; ++i) unit[i] = static_cast<std::byte>(1 + random.below(255));
  return unit;
}

std::vector<std::byte> garbage(base::Random& random) {
  static constexpr std::uint8_t kOpcodes[] = {0x00, 0x02, 0x41, 0x80, 0x81, 0x82, 0xc0, 0xc1, 0xc2, 0xff};
  std::vector<std::byte> unit(1 + random.below(80));
  for (auto& byte : unit) byte = static_cast<std::byte>(random.below(256));
  unit[0] = static_cast<std::byte>(kOpcodes[random.below(std::size(kOpcodes))]);
  return unit;
}

}  // namespace srpi::sim
