// SPDX-License-Identifier: Apache-2.0
// What the daemon reports about sessions: the views of list and show, and the events. Their JSON is stable: keys
// and kinds are only added (docs/srp-nbd.md). A new key is a member of one of these structs (a counter: of
// srpi::SessionCounters). Name it also in the description below the struct: a member without a name there has no key.
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/described_json.hpp"
#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srpi {
BOOST_DESCRIBE_STRUCT(SessionCounters, (),
                      (connects, losses, commands, command_errors, outstanding, read_bytes, written_bytes))
}  // namespace srpi

namespace srp_nbd {

using OptionalText = std::optional<std::string>;
[[nodiscard]] OptionalText text_or_null(std::string);  // null for an empty text

// A logical unit and its device or export.
struct UnitView {
  std::uint64_t lun = 0;
  OptionalText device;   // "/dev/nbd0", or
  OptionalText export_;  // "nbd+unix:///lun0?socket=PATH"; both null: not published
  OptionalText wwid, serial;
  std::string vendor, product, revision;
  std::uint32_t block_size = 0, physical_block_size = 0;  // bytes
  std::uint64_t blocks = 0, size_bytes = 0;
  bool read_only = false, write_cache = false, unmap = false, write_zeroes = false, rotational = false;
  std::optional<Failure> away;           // why the unit's I/O fails while the session is live
  std::optional<Failure> publish_error;  // why the unit alone is not published
};
BOOST_DESCRIBE_STRUCT(UnitView, (),
                      (lun, device, export_, wwid, serial, vendor, product, revision, block_size,
                       physical_block_size, blocks, size_bytes, read_only, write_cache, unmap, write_zeroes,
                       rotational, away, publish_error))

// A unit that the session could not take.
struct UnitNotTakenView {
  std::uint64_t lun = 0;
  Failure why;
};
BOOST_DESCRIBE_STRUCT(UnitNotTakenView, (), (lun, why))

// The remaining milliseconds at the time of the view.
struct TimersView {
  std::optional<std::int64_t> next_attempt_ms, fast_io_fail_ms, dev_loss_ms;
};
BOOST_DESCRIBE_STRUCT(TimersView, (), (next_attempt_ms, fast_io_fail_ms, dev_loss_ms))

struct ChannelsView {
  std::uint32_t wanted = 0, live = 0;
  std::uint64_t lost = 0;        // while other channels lived
  std::optional<Failure> error;  // why a channel is missing, or was missing last
};
BOOST_DESCRIBE_STRUCT(ChannelsView, (), (wanted, live, lost, error))

struct NegotiatedView {
  std::uint32_t request_limit = 0, max_it_iu_bytes = 0;
  bool immediate_data = false;
};
BOOST_DESCRIBE_STRUCT(NegotiatedView, (), (request_limit, max_it_iu_bytes, immediate_data))

// All information about a session at one time.
struct SessionView {
  std::string name, state;
  OptionalText by;     // what ended the connection: "administrator" or "fault"
  bool stale = false;  // the lane did not answer in time; these are the last known values
  std::string target;
  OptionalText hca;
  std::optional<std::uint32_t> port;
  OptionalText source, destination, source_gid, destination_gid, initiator_port_id;
  std::string target_port_id;
  std::vector<UnitView> luns;
  std::vector<UnitNotTakenView> not_taken;
  TimersView timers;
  boost::json::object options;
  ChannelsView channels;
  std::optional<Failure> last_error, publish_error, rescan_error;
  NegotiatedView negotiated;
  srpi::SessionCounters counters;
  double last_disconnect_us = 0;
};
BOOST_DESCRIBE_STRUCT(SessionView, (),
                      (name, state, by, stale, target, hca, port, source, destination, source_gid,
                       destination_gid, initiator_port_id, target_port_id, luns, not_taken, timers, options,
                       channels, last_error, publish_error, rescan_error, negotiated, counters,
                       last_disconnect_us))

// The view of a unit that is not published.
[[nodiscard]] UnitView make_unit_view(const srpi::LogicalUnitInfo&);
// All members except the units. `options` includes the login string's parameters.
[[nodiscard]] SessionView make_session_view(std::string name, const srpi::Target&, const srpi::SessionStatus&,
                                            const srpi::SessionOptions& options, bool is_stale);

BOOST_DEFINE_FIXED_ENUM_CLASS(EventKind, std::uint8_t, present, added, state, attempt_failed, unit_found,
                              unit_not_taken, unit_resized, unit_away, unit_back, unit_event, published,
                              publish_failed, unit_publish_failed, device_lost, unit_erased, unit_changed,
                              erased, lost)
[[nodiscard]] std::string_view to_string(EventKind) noexcept;

struct EventDescription {
  EventKind kind;
  // For people; in braces what an event has: from, to, unit ("lun 0 (/dev/nbd0)"), lun, place, wwid, size,
  // old_size, event, times (" (N times)"), lost.
  std::string_view words;
  std::string_view meaning;  // of the manual
  std::string_view keys;     // the keys with values, besides time, session and kind
};
[[nodiscard]] std::span<const EventDescription> event_table() noexcept;

// One line of `events`: a change of a session.
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
  Maybe<std::uint64_t> count, old_size_bytes, lost;
};
BOOST_DESCRIBE_STRUCT(Event, (),
                      (time, session, kind, from, to, cause, lun, device, export_, wwid, size_bytes, event,
                       count, old_size_bytes, lost))

// The manual's table of events in Markdown.
[[nodiscard]] std::string events_manual();

[[nodiscard]] std::string size_text(std::uint64_t bytes);  // "512.0 MiB"
[[nodiscard]] std::string spaced(std::string name);        // "fast_io_fail": "fast io fail"

}  // namespace srp_nbd
