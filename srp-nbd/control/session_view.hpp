// SPDX-License-Identifier: Apache-2.0
// The JSON of list and show. The format is stable: keys are only added (docs/srp-nbd.md). A new key is a
// member here, named again in the description below its struct.
#pragma once

#include <boost/describe/class.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
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
  std::optional<Failure> away;  // why the unit's I/O fails while the session is live
};
BOOST_DESCRIBE_STRUCT(UnitView, (),
                      (lun, device, export_, wwid, serial, vendor, product, revision, block_size,
                       physical_block_size, blocks, size_bytes, read_only, write_cache, unmap, write_zeroes,
                       rotational, away))

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
  TimersView timers;
  boost::json::object options;
  ChannelsView channels;
  std::optional<Failure> last_error;
  NegotiatedView negotiated;
  srpi::SessionCounters counters;
  double last_disconnect_us = 0;
};
BOOST_DESCRIBE_STRUCT(SessionView, (),
                      (name, state, by, stale, target, hca, port, source, destination, source_gid,
                       destination_gid, initiator_port_id, target_port_id, luns, timers, options, channels,
                       last_error, negotiated, counters, last_disconnect_us))

// The view of a unit that is not published.
[[nodiscard]] UnitView make_unit_view(const srpi::LogicalUnitInfo&);
// All members except the units. `options` includes the login string's parameters.
[[nodiscard]] SessionView make_session_view(std::string name, const srpi::Target&, const srpi::SessionStatus&,
                                            const srpi::SessionOptions& options, bool is_stale);

}  // namespace srp_nbd
