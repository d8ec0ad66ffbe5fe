// SPDX-License-Identifier: Apache-2.0
// Lines at the control socket: any bytes yield a request or an error with a text.
#include "daemon/control_request.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = srp_nbd::parse_control_request({reinterpret_cast<const char*>(data), size});
  if (!request && (request.error().code.empty() || request.error().message.empty())) std::abort();
  return 0;
}
