// SPDX-License-Identifier: Apache-2.0
// Two initiators with the same port id. Each login of the one makes the target end the connection of the
// other, whose next automatic attempt ends the first one's connection, and so on.
//
// A contest differs from a target that drops us by three signs: the target, or its connection manager, ended
// a young connection; it accepted our next login at the first attempt; and its login response says that it
// ended another connection of our port id. That other connection was not ours, because the target had ended
// ours before. After kMostLost such exchanges in a row, the next evicted session stops. Exactly one session
// stops, because the other is not evicted any more.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace srpi::session {

class Contest {
 public:
  static constexpr std::uint32_t kMostLost = 2;
  // Longer than the delay between attempts of other initiators (Linux: 10 s).
  static constexpr base::Duration kShortLife = std::chrono::seconds(60);

  // Called after a login's answer. `ended_another`: the target reports that it ended another connection of
  // our port id.
  void on_login(base::Time now, bool ended_another) noexcept {
    lost_ = suspected_ && ended_another ? lost_ + 1 : 0;
    suspected_ = false;
    since_ = now;
  }
  // Called when the target ended the connection. Returns true if the session must stop.
  [[nodiscard]] bool on_ended_by_target(base::Time now) noexcept {
    suspected_ = now - since_ < kShortLife;
    return suspected_ && lost_ >= kMostLost;
  }
  // Called for another end, for an attempt that the target did not accept, and on reconnect.
  void reset() noexcept {
    suspected_ = false;
    lost_ = 0;
  }

 private:
  bool suspected_ = false;
  std::uint32_t lost_ = 0;
  base::Time since_{};
};

}  // namespace srpi::session
