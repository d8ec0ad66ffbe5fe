// SPDX-License-Identifier: Apache-2.0
// Finds out whether stuck units are back: each gets a LOGICAL UNIT RESET aside from all other functions,
// whose answer may take any time. The target does not answer it before the unit's old commands are over, and
// it carries no data that could come late.
//
// One reset is       free -> sent -> answered -> free
//                            sent -> free       the channel has ended; the unit is asked again in time
// The target may lose a reset. So a second one for the same unit may be sent much later, or on reconnect.
//
// Some targets answer the reset although the unit still hangs. That costs another connection, so the wait
// before the next resets doubles after each answer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "session/channel_names.hpp"
#include "srpi/session_options.hpp"

namespace srpi::session {

class ChannelSet;

class StuckResets {
 public:
  explicit StuckResets(const SessionOptions& options) noexcept : options_(options) {}
  StuckResets(const StuckResets&) = delete;
  StuckResets& operator=(const StuckResets&) = delete;

  enum class Why : std::uint8_t { time, request };  // why a reset is sent: a timer, or reconnect
  // True if resets may be sent now.
  [[nodiscard]] bool may_ask(base::Time now) const noexcept { return now >= not_before_; }
  void ask(std::uint64_t lun, ChannelSet&, base::Time now, Why) noexcept;
  // For reconnect: ends the wait after earlier answers.
  void forget_answers() noexcept;
  // Called when no unit is stuck any more.
  void on_none_stuck(base::Time now) noexcept;
  // The unit of an answered reset. Any answer counts.
  [[nodiscard]] std::optional<std::uint64_t> take_answered(ChannelSet&, base::Time now) noexcept;
  // True if the unit's reset was sent less than task_management_timeout ago.
  [[nodiscard]] bool asked_just_now(std::uint64_t lun, base::Time now) const noexcept;

 private:
  struct Reset {
    enum class State : std::uint8_t { free, sent, answered };
    Tmf task;
    State state = State::free;
    base::Time at{};
  };
  [[nodiscard]] bool may_ask_unit(std::uint64_t lun, base::Time now, Why) const noexcept;
  static void on_complete(Tmf&) noexcept;

  const SessionOptions& options_;
  std::array<Reset, kMostAside> resets_;
  base::Time not_before_{};
  base::Duration delay_{};  // after the last answer
};

}  // namespace srpi::session
