// SPDX-License-Identifier: Apache-2.0
// Units that an initiator receives.
// Fault matrix, rows: 10
#include "wire/async_event.hpp"
#include "wire/credit.hpp"
#include "wire/logout.hpp"
#include "wire/opcode.hpp"
#include "wire/response.hpp"
#include "wire_round_trip.hpp"

using namespace srpi::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto unit = fuzz::as_unit(data, size);
  const auto encode_any = [](const auto& value) { return fuzz::encoded(value); };
  fuzz::check_round_trip(unit, decode_response, encode_any);
  fuzz::check_round_trip(unit, decode_credit_request, encode_any);
  fuzz::check_round_trip(unit, decode_async_event_request, encode_any);
  fuzz::check_round_trip(unit, decode_target_logout, encode_any);

  Response response;
  SRPI_CHECK(try_decode_response(unit, response) == decode_response(unit).has_value());
  // The length of the text depends on the unit's length, not on its length fields.
  const auto text = describe(unit);
  SRPI_CHECK(!text.empty() && text.size() <= 1000 + 4 * size);
  return 0;
}
