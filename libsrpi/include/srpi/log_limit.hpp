// SPDX-License-Identifier: Apache-2.0
// Limits the lines of a log that a stranger can cause, however often it does what causes them.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace srpi {

class LogLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kLines = 5;
  static constexpr std::chrono::seconds kInterval{10};

  LogLimit() = default;
  explicit LogLimit(std::size_t most) noexcept : most_(most) {}  // lines in each interval

  // nullopt: leave this line out. Otherwise the line's end: empty, or how many lines were left out before it.
  [[nodiscard]] std::optional<std::string> pass(Time now = std::chrono::steady_clock::now()) {
    if (now >= interval_end_) {
      interval_end_ = now + kInterval;
      lines_ = 0;
    }
    if (lines_ == most_) {
      ++left_out_;
      return std::nullopt;
    }
    ++lines_;
    const auto left_out = std::exchange(left_out_, 0);
    return left_out == 0 ? std::string() : " (" + std::to_string(left_out) + " more like this before)";
  }

 private:
  std::size_t most_ = kLines;
  Time interval_end_;
  std::size_t lines_ = 0, left_out_ = 0;
};

}  // namespace srpi
