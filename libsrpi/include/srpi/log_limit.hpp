// SPDX-License-Identifier: Apache-2.0
// Limits the lines of the log that a client can cause, however often it comes.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace srp_nbd {

class LogLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kLines = 5;  // in each interval
  static constexpr std::chrono::seconds kInterval{10};

  // nullopt: leave this line out. Otherwise the line's end: empty, or how many lines were left out before it.
  [[nodiscard]] std::optional<std::string> pass(Time now = std::chrono::steady_clock::now()) {
    if (now >= interval_end_) {
      interval_end_ = now + kInterval;
      lines_ = 0;
    }
    if (lines_ == kLines) {
      ++left_out_;
      return std::nullopt;
    }
    ++lines_;
    const auto left_out = std::exchange(left_out_, 0);
    return left_out == 0 ? std::string() : fmt::format(" ({} more like this before)", left_out);
  }

 private:
  Time interval_end_;
  std::size_t lines_ = 0, left_out_ = 0;
};

}  // namespace srp_nbd
