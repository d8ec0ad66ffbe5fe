// SPDX-License-Identifier: Apache-2.0
// One line of `events`: a change of a session. The format is stable: keys and kinds are only added
// (docs/srp-nbd.md).
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "control/described_json.hpp"
#include "control/session_view.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

BOOST_DEFINE_FIXED_ENUM_CLASS(EventKind, std::uint8_t, present, added, state, attempt_failed, unit_found,
                              unit_resized, unit_away, unit_back, unit_event, published, publish_failed,
                              device_lost, erased, lost)
[[nodiscard]] std::string_view to_string(EventKind) noexcept;

struct EventDescription {
  EventKind kind;
  // For people; in braces what an event has: from, to, unit ("lun 0 (/dev/nbd0)"), lun, place, wwid, size,
  // old_size, event, lost.
  std::string_view words;
  std::string_view meaning;  // of the manual
  std::string_view keys;     // the keys with values, besides time, session and kind
};
[[nodiscard]] std::span<const EventDescription> event_table() noexcept;

struct Event {
  using Time = std::chrono::system_clock::time_point;

  Event() = default;
  Event(Time, std::string session, EventKind);

  void set_unit(const UnitView&);
  // The text of a line, with its cause: "live -> disconnected: connection lost: …".
  [[nodiscard]] std::string text() const;

  std::string time;      // "2026-11-24T10:16:14.123Z": UTC
  OptionalText session;  // null: all followed sessions
  std::string kind;      // a newer daemon may have kinds that EventKind does not have
  OptionalText from, to;
  std::optional<Failure> cause;             // null: it was requested, or it is an improvement
  Maybe<std::optional<std::uint64_t>> lun;  // null: the session does not use the unit
  Maybe<OptionalText> device, export_, wwid;
  Maybe<std::uint64_t> size_bytes;
  Maybe<std::string> event;
  Maybe<std::uint64_t> old_size_bytes, lost;
};
BOOST_DESCRIBE_STRUCT(Event, (),
                      (time, session, kind, from, to, cause, lun, device, export_, wwid, size_bytes, event,
                       old_size_bytes, lost))

// The manual's table of events in Markdown.
[[nodiscard]] std::string events_manual();

[[nodiscard]] std::string size_text(std::uint64_t bytes);  // "512.0 MiB"
[[nodiscard]] std::string spaced(std::string name);        // "fast_io_fail": "fast io fail"

}  // namespace srp_nbd
