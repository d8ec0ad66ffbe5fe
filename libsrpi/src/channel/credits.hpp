// SPDX-License-Identifier: Apache-2.0
// The request limit (SRP clause 4.5): how many more requests the target accepts. Most units of the target
// carry a signed delta. I/O always leaves one credit for task management and the keepalive.
#pragma once

#include <cstdint>

namespace srpi::channel {

class Credits {
 public:
  static constexpr std::int64_t kMost = 1 << 20;  // more is treated as an overflow

  // Returns false if the sum is impossible, which is a protocol error.
  [[nodiscard]] bool add(std::int32_t delta) noexcept {
    available_ += delta;
    return available_ <= kMost && available_ >= -kMost;
  }
  void reset(std::int32_t limit) noexcept { available_ = limit; }
  [[nodiscard]] bool for_command() const noexcept { return available_ > 1; }
  [[nodiscard]] bool for_task_management() const noexcept { return available_ > 0; }
  void spend() noexcept { --available_; }
  [[nodiscard]] std::int64_t available() const noexcept { return available_; }

 private:
  std::int64_t available_ =
      0;  // negative if the target lowered the limit below the number of outstanding requests
};

}  // namespace srpi::channel
