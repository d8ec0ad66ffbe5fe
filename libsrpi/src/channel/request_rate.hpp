// SPDX-License-Identifier: Apache-2.0
// Limits the requests of a target: each costs an answer, and an event may cost a proof of all units. Without a
// limit, a target could use its initiator's thread for nothing else.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace srpi::channel {

class RequestRate {
 public:
  // Four reports about each unit of a session.
  static constexpr std::uint64_t kMost = 1024;
  static constexpr base::Duration kInterval = std::chrono::seconds(1);

  // Counts one more request. Returns false if the interval has too many. `commands`: how many commands were sent
  // until now; a kind of requests that a target may send for each command passes it, other kinds pass 0.
  [[nodiscard]] bool admit(base::Time now, std::uint64_t commands) noexcept {
    if (count_ == 0 || now - begin_ >= kInterval) {
      begin_ = now;
      commands_ = commands;
      count_ = 0;
    }
    return ++count_ <= kMost + (commands - commands_);
  }

 private:
  base::Time begin_{};
  std::uint64_t count_ = 0, commands_ = 0;
};

}  // namespace srpi::channel
