// SPDX-License-Identifier: Apache-2.0
// Classes get their clock through the constructor: the real clock in programs, a manual clock in tests and in
// the simulator.
#pragma once

#include <chrono>

namespace srpi::base {

using Duration = std::chrono::nanoseconds;
// Time since an arbitrary start. It never goes back (CLOCK_MONOTONIC in programs).
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;
inline constexpr Time kNever = Time::max();

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Time now() const noexcept = 0;
};

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] Time now() const noexcept override { return std::chrono::steady_clock::now(); }
};

class ManualClock final : public Clock {
 public:
  [[nodiscard]] Time now() const noexcept override { return now_; }
  void advance(Duration d) noexcept { now_ += d; }
  void set(Time t) noexcept { now_ = t; }

 private:
  Time now_{};
};

}  // namespace srpi::base
