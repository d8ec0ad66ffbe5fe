// SPDX-License-Identifier: Apache-2.0
// Time comes in through constructors: the real clock in programs, a manual one in tests and the simulator.
#pragma once

#include <chrono>

namespace srpi::base {

using Duration = std::chrono::nanoseconds;
// Time since an arbitrary start; never goes back, stands still for nobody (CLOCK_MONOTONIC in programs).
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
