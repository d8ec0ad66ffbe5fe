// SPDX-License-Identifier: Apache-2.0
// Texts of numbers and names for people.
#pragma once

#include <cstdint>
#include <string>

namespace srp_nbd {

[[nodiscard]] std::string size_text(std::uint64_t bytes);      // "512.0 MiB"
[[nodiscard]] std::string duration_text(double milliseconds);  // "3.2 s", "47 s", "2 min 5 s", "1 h 3 min"
[[nodiscard]] std::string spaced(std::string name);            // "fast_io_fail": "fast io fail"

}  // namespace srp_nbd
