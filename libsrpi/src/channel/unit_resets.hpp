// SPDX-License-Identifier: Apache-2.0
// LOGICAL UNIT RESET where a session has several channels.
//
// A target ends all tasks of the unit, those that came over our other channels too, and those without an
// answer. Queue pairs keep no order among each other: what is under way on one may reach the target before or
// after a reset that went over another. So a reset goes over every channel, nothing new for the unit is sent
// on any of them from before the first until all are answered, and what one of them has under way is over
// when its own reset is confirmed: that one came behind it. Units take turns.
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

  // A channel of the session, logged in or not; at most kMostChannels of them, all before the first submit.
  void add(Channel&) noexcept;

  // Ownership and completion as with Channel::submit. Joins a reset of this unit that is under way: what was
  // sent before this call is over with it. confirmed(): so it was over every channel that still lives.
  void submit(Tmf&) noexcept;
  // The same without joining: the reset starts after this call.
  void submit_anew(Tmf&) noexcept;
  void withdraw(Tmf&) noexcept;

  // Every channel is closed: what is left completes with no_connect.
  void end_all() noexcept;

  void check_deadlines(base::Time now) noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;

 private:
  struct Part {
    Tmf tmf;
    Channel* channel = nullptr;
    UnitResets* resets = nullptr;
    bool open = false;   // not answered yet
    bool taken = false;  // of the present reset
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
  TmfList askers_;   // of the reset that is under way
  TmfList waiting_;  // for their turn
};

}  // namespace srpi::channel
