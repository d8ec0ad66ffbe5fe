// SPDX-License-Identifier: Apache-2.0
// Private data of connection requests (both forms), replies and rejects.
// Fault matrix, rows: 8
#include "wire/login.hpp"
#include "wire_round_trip.hpp"

using namespace srpi::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto unit = fuzz::as_unit(data, size);
  const auto encode_any = [](const auto& value) { return fuzz::encoded(value); };
  const auto encode_form_compact = [](const LoginRequest& request) {
    fuzz::Bytes out(kCompactLoginRequestBytes, std::byte{0xee});
    SRPI_CHECK(encode_compact(request, out) == out.size());
    return out;
  };
  fuzz::check_round_trip(unit, decode_login_request, encode_any);
  fuzz::check_round_trip(unit, decode_compact_login_request, encode_form_compact);
  fuzz::check_round_trip(unit, decode_login_response, encode_any);
  fuzz::check_round_trip(unit, decode_login_reject, encode_any);

  if (const auto request = decode_compact_login_request(unit)) SRPI_CHECK(!to_string(*request).empty());
  if (const auto request = decode_login_request(unit)) SRPI_CHECK(!to_string(*request).empty());
  if (const auto response = decode_login_response(unit)) SRPI_CHECK(!to_string(*response).empty());
  if (const auto reject = decode_login_reject(unit)) SRPI_CHECK(!to_string(*reject).empty());
  return 0;
}
