// SPDX-License-Identifier: Apache-2.0
// The fence over the live channels of a session, for the writes of a lost channel.
//
// A lost channel's unanswered commands that may change the medium are in doubt. They wait here, even after
// their deadline or when they are cancelled, until a LOGICAL UNIT RESET of their unit is confirmed. Then the
// target cannot apply them late, and they are sent again or completed. The reset goes over the other
// channels, which keep no order with the lost one. So it is sent only after the time in which the transport
// tries: after that, packets of the lost channel have arrived or are gone.
//
//   idle       no reset runs                                      a reset is due         -> resetting
//   resetting  the reset of one unit runs                         it is answered         -> answered
//                                                                 a channel is lost      -> outdated
//   outdated   like resetting, but the answer does not cover      it is answered         -> idle
//              a channel that was lost since the reset began
//   answered   take_result returns the answer                     take_result, or a loss -> idle
//   (any)                                                         the session ends       -> idle
//
// A reset that is not confirmed makes the session lost. Its next login fences. The marks of the units belong
// to the session and outlive this object.
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
  // When the next reset must start; never if there is none.
  [[nodiscard]] base::Time due_at(const FenceMarks&, const AwayUnits&) const noexcept;
  void start_due(base::Time now, const FenceMarks&, const AwayUnits&) noexcept;

  struct Result {
    std::uint64_t lun = 0;
    base::Time asked_at{};
    Error error;  // code ok: the unit is fenced
  };
  // The result since the last call. Call it after completions were processed.
  [[nodiscard]] std::optional<Result> take_result() noexcept;
  [[nodiscard]] CommandList take_unit(std::uint64_t lun) noexcept;
  // The commands whose unit is withheld now. They do not wait for the unit's return; its mark stays.
  [[nodiscard]] CommandList take_withheld(const AwayUnits&, base::Time now) noexcept;
  // Called for an operator's abort of the unit. The commands complete after the fence.
  void cancel(std::uint64_t lun, base::Time now) noexcept;
  // Called when every channel has ended. A running reset does not cover the present loss, so the marks stay.
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
