// SPDX-License-Identifier: Apache-2.0
// Configuration files: any bytes yield a configuration or an error with its position.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "daemon/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto config = srp_nbd::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!config && !config.error().message.starts_with("fuzz.toml:")) std::abort();
  return 0;
}
