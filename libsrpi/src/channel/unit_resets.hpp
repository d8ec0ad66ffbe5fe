// SPDX-License-Identifier: Apache-2.0
// LOGICAL UNIT RESET over all channels of a session.
//
// A reset makes the target end all tasks of the unit, also those of our other channels, and it does not
// answer those. Queue pairs keep no order among each other, so a command on one channel may reach the target
// before or after a reset on another. Therefore a reset is sent over every channel, and no channel sends
// commands for the unit until all resets are answered. The commands of a channel are over when the channel's
// own reset is confirmed, because that reset was sent after them. One unit is reset at a time.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "channel/tmf.hpp"

namespace srpi::channel {

class Channel;

inline constexpr std::uint32_t kMostChannels = 16;

class UnitResets {
 public:
  UnitResets();
  UnitResets(const UnitResets&) = delete;
  UnitResets& operator=(const UnitResets&) = delete;

  // Adds a channel of the session, logged in or not. Permitted for kMostChannels channels before the first
  // submit.
  void add(Channel&) noexcept;

  // Ownership and completion as in Channel::submit. Joins a running reset of this unit, which ends all
  // commands that were sent before this call. confirmed() is true if every live channel has confirmed it.
  void submit(Tmf&) noexcept;
  // The same, but does not join a running reset.
  void submit_anew(Tmf&) noexcept;
  void withdraw(Tmf&) noexcept;

  // Called when every channel has ended. All functions complete with no_connect.
  void end_all() noexcept;

  void check_deadlines(base::Time now) noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;

 private:
  // One channel's part in the running reset.
  struct Part {
    enum class State : std::uint8_t {
      left_out,  // the channel was not logged in when the reset began, or there is none
      asked,     // not answered yet
      over,      // answered, or ended without an answer
    };
    Tmf tmf;
    Channel* channel = nullptr;
    UnitResets* resets = nullptr;
    State state = State::left_out;
    [[nodiscard]] bool is_open() const noexcept { return state == State::asked; }
  };
  [[nodiscard]] std::span<Part> parts() noexcept { return std::span(parts_).first(channels_); }
  void start(Tmf&) noexcept;
  void start_next() noexcept;
  static void on_part(Tmf&) noexcept;
  void finish_if_answered() noexcept;
  void finish() noexcept;
  void complete(TmfList& ended, Errc, wire::TaskResult) noexcept;

  std::array<Part, kMostChannels> parts_;
  std::uint32_t channels_ = 0;
  bool running_ = false;
  bool completing_ = false;
  std::uint64_t lun_ = 0;
  base::Time deadline_ = base::kNever;
  TmfList askers_;   // for the running reset
  TmfList waiting_;  // for later resets
};

}  // namespace srpi::channel
