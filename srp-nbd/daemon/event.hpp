// SPDX-License-Identifier: Apache-2.0
// What `events` reports: one change of one session. The format is stable: keys and kinds are only added
// (docs/srp-nbd.md).
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "daemon/session_json.hpp"
#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

enum class EventKind : std::uint8_t {
  present,         // no change: the state of a session when a follower begins, or goes on after a loss
  added,           // a session was made
  state,           // it went from one state to another
  attempt_failed,  // to connect
  unit_found,
  unit_resized,
  unit_away,  // its I/O fails while others of the session go on
  unit_back,
  unit_event,  // the target has reported something about a unit
  published,   // a unit can be opened
  publish_failed,
  device_lost,  // somebody else has disconnected a unit's kernel device
  erased,       // the session is gone, with all it published
};
[[nodiscard]] const char* to_string(EventKind) noexcept;

struct Event {
  using Time = std::chrono::system_clock::time_point;

  Time time;
  std::string session;
  EventKind kind = EventKind::state;
  std::optional<srpi::SessionState> from, to;  // present, added, state
  std::optional<Failure> cause;                // none: it was asked for, or is good news
  std::optional<PublishedUnit>
      unit;  // unit_*, published, device_lost; of unit_event none: of no unit of ours
  std::optional<srpi::SessionEvent> reported;   // unit_event
  std::optional<std::uint64_t> old_size_bytes;  // unit_resized
};

// "2026-11-24T10:16:14.123Z"
[[nodiscard]] std::string iso_time(Event::Time);

[[nodiscard]] boost::json::object to_json(const Event&);

}  // namespace srp_nbd
