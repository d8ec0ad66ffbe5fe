// SPDX-License-Identifier: Apache-2.0
// The fence over the living channels of a session, for what a lost channel has left in doubt.
//
// A lost channel's unanswered commands that may change the medium wait here, even past their deadline or when they are
// cancelled, until a LOGICAL UNIT RESET of their unit is confirmed. Then nothing of them can come late, and they are sent
// again or completed. The reset goes over the other channels, which keep no order with the lost one. So it waits for as
// long as the transport tries: whatever was on its way has arrived by then.
//
//   idle       no reset is under way                              a reset is due         -> resetting
//   resetting  the reset of one unit is under way                 it is answered         -> answered
//                                                                 a channel is lost      -> outdated
//   outdated   as resetting, but its answer settles nothing for   it is answered         -> idle
//              the channel that was lost since it began
//   answered   take_result tells what the answer was              take_result, or a loss -> idle
//   (any)                                                         the session ends       -> idle
//
// A reset that is not confirmed is the loss of the session, whose next login fences. The marks say which units are to be
// fenced; they are the session's, and outlive this.
#pragma once

#include <optional>

#include "session/away_units.hpp"

namespace srpi::session {

class LateFence {
 public:
  LateFence(const SessionOptions&, UnitResets&) noexcept;
  LateFence(const LateFence&) = delete;
  LateFence& operator=(const LateFence&) = delete;

  void keep(Command& in_doubt) noexcept { in_doubt_.push_back(in_doubt); }
  void on_channel_lost(base::Time now) noexcept;
  // When the next reset starts, if one has to.
  [[nodiscard]] base::Time due_at(const FenceMarks&, const AwayUnits&) const noexcept;
  void start_due(base::Time now, const FenceMarks&, const AwayUnits&) noexcept;

  struct Result {
    std::uint64_t lun = 0;
    base::Time asked_at{};
    Error error;  // code ok: the unit is fenced
  };
  // What has come since, to be called after completions were taken.
  [[nodiscard]] std::optional<Result> take_result() noexcept;
  [[nodiscard]] CommandList take_unit(std::uint64_t lun) noexcept;
  // Those whose unit is withheld now: they do not wait for its return, its mark does.
  [[nodiscard]] CommandList take_withheld(const AwayUnits&, base::Time now) noexcept;
  // An operator has cancelled the unit's commands: they complete behind the fence.
  void cancel(std::uint64_t lun, base::Time now) noexcept;
  // Every channel has ended. A reset that still runs knows nothing of what is left unanswered now: the marks stay.
  [[nodiscard]] CommandList end() noexcept;

 private:
  enum class State : std::uint8_t { idle, resetting, outdated, answered };
  static void on_complete(Tmf&) noexcept;

  const SessionOptions& options_;
  UnitResets& resets_;
  State state_ = State::idle;
  CommandList in_doubt_;
  Tmf reset_;
  base::Time not_before_{};
};

}  // namespace srpi::session
