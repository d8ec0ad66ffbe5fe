// SPDX-License-Identifier: Apache-2.0
// Target addresses: any text is refused with an error text, or both printed forms parse to the same address.
#include "srpi/target_address.hpp"

#include <cstddef>
#include <cstdint>

#include "base/check.hpp"

using namespace srpi;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto target = parse_target(text);
  if (!target) {
    SRPI_CHECK(target.error().code == Errc::invalid_argument && !target.error().detail.empty());
    // The error quotes the text at most once, a byte in at most four characters (\xNN), and lists the keys.
    SRPI_CHECK(target.error().detail.size() <= 4 * size + 1000);
    return 0;
  }
  const auto from_uri = parse_target(target->to_uri());
  SRPI_CHECK(from_uri.has_value() && *from_uri == *target);
  const auto from_login_string = parse_target(target->to_login_string());
  SRPI_CHECK(from_login_string.has_value() && *from_login_string == *target);
  return 0;
}
