// SPDX-License-Identifier: Apache-2.0
#include "control/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace srp_nbd {

std::string duration_text(double milliseconds) {
  if (milliseconds < 9950) return fmt::format("{:.1f} s", milliseconds / 1000);
  const auto seconds = static_cast<std::uint64_t>(milliseconds / 1000 + 0.5);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

}  // namespace srp_nbd
