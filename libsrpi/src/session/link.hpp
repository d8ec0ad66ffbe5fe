// SPDX-License-Identifier: Apache-2.0
// One channel of a session with the session's state for it.
#pragma once

#include <cstdint>

#include "session/backoff.hpp"
#include "session/keepalive.hpp"

namespace srpi::session {

struct Link {
  enum class State : std::uint8_t {
    down,     // not connected, or not logged in yet
    live,     // carries I/O
    unasked,  // carries I/O; the next proof must take its unit attentions
  };

  Link(const SessionOptions& options, const ChannelLimits& limits, const base::Clock& clock,
       base::Random& random, UnitEventSink& events, UnitResets& resets, std::uint16_t i)
      : number(i),
        channel(limits, clock, events, resets, i),
        keepalive(channel, options),
        delay(options, random) {}

  [[nodiscard]] bool is_live() const noexcept { return state != State::down; }

  const std::uint16_t number;
  Channel channel;
  Keepalive keepalive;
  State state = State::down;
  bool ended_by_target = false;  // the present connection
  std::uint32_t queued = 0;      // submitted commands that may not be sent yet

  // when to log in again
  base::Time next_try = base::kNever;
  Backoff delay;
  bool failure_told = false;  // the observer was told that it cannot log in
};

}  // namespace srpi::session
