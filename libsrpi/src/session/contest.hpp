// SPDX-License-Identifier: Apache-2.0
// Two initiators with one port id: a target lets only one of them be. Each login of the one ends the
// connection of the other, whose first automatic attempt does the same to the first, and so on for ever.
//
// What tells it from a target that drops us: the target, or its connection manager, ended a connection that
// had not lived for long, and took our next login at the first attempt, and said in its answer that it ended
// another connection of our port id for it. That was not our own, which the target had ended itself. After
// kMostLost such exchanges in a row, the one that is evicted next gives up. Exactly one does: the other is
// not evicted any more.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace srpi::session {

class Contest {
 public:
  static constexpr std::uint32_t kMostLost = 2;
  // Longer than other initiators wait between attempts (Linux: 10 s).
  static constexpr base::Duration kShortLife = std::chrono::seconds(60);

  // A login was answered. `ended_another`: the target says that it ended another connection of our port id
  // for it.
  void on_login(base::Time now, bool ended_another) noexcept {
    lost_ = suspected_ && ended_another ? lost_ + 1 : 0;
    suspected_ = false;
    since_ = now;
  }
  // The connection was ended by the target. True: by another login, again; give up.
  [[nodiscard]] bool on_ended_by_target(base::Time now) noexcept {
    suspected_ = now - since_ < kShortLife;
    return suspected_ && lost_ >= kMostLost;
  }
  // By anything else; an attempt that the target did not take; or somebody asked for a new beginning.
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
