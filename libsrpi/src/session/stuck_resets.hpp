// SPDX-License-Identifier: Apache-2.0
// What asks the stuck units whether they are back: a LOGICAL UNIT RESET for each, aside from all other functions, whose
// answer may take for ever. A target that has hold of commands of that unit does not answer it before they are over,
// and it has no data that could come late.
//
// One reset is       free -> sent -> answered -> free
//                            sent -> free       its channel has ended; the unit is asked again in time
// A reset may be lost by the target. So a second one for the same unit may be sent, much later or when somebody asks.
//
// A target may answer the resets of a unit that hangs nevertheless, which costs another connection. So after each answer
// the next resets wait, twice as long each time.
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

  enum class Why : std::uint8_t { time, request };  // what is behind a question: time, or somebody who asks
  // The resets may be sent now.
  [[nodiscard]] bool may_ask(base::Time now) const noexcept { return now >= not_before_; }
  void ask(std::uint64_t lun, ChannelSet&, base::Time now, Why) noexcept;
  // Somebody asks: the wait after earlier answers is over.
  void forget_answers() noexcept;
  // No unit is stuck any more.
  void on_none_stuck(base::Time now) noexcept;
  // The unit of a reset that was answered, whatever the answer says.
  [[nodiscard]] std::optional<std::uint64_t> take_answered(ChannelSet&, base::Time now) noexcept;
  // Its reset is younger than task_management_timeout.
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
