// SPDX-License-Identifier: Apache-2.0
// One channel of a session, with what its nexus keeps about it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "session/channel_names.hpp"

namespace srpi::session {

class Nexus;

struct Link {
  Link(Nexus& n, const ChannelLimits& limits, const base::Clock& clock, UnitEventSink& events,
       UnitResets& resets, std::uint16_t i)
      : nexus(n), number(i), channel(limits, clock, events, resets, i) {}

  Nexus& nexus;
  const std::uint16_t number;
  Channel channel;
  bool live = false;             // carries I/O
  bool unasked = false;          // for its unit attentions, since the target said that something has changed
  bool ended_by_target = false;  // the present connection
  std::uint32_t queued = 0;      // commands that it was given and that may not have left

  Command keepalive;
  bool keepalive_sent = false;
  std::optional<base::Time> waiting_since;  // for answers: when that was first seen

  // While it is not live: when to log in again, and how the delay has grown.
  base::Time next_try = base::kNever;
  base::Duration delay{};
  bool told = false;  // that it could not log in
};

}  // namespace srpi::session
