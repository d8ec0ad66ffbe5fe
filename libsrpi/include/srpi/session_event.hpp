// SPDX-License-Identifier: Apache-2.0
// What a target tells about a logical unit beside the answers to requests: unit attentions, predictions,
// SRP_AER_REQ.
#pragma once

#include <cstdint>

namespace srpi {

// The values are stable: never renumbered, only added to. "Asked anew": before any further I/O of the session
// is let through, the units are asked for identity, size and mode again; a unit that is not the same any more
// ends the session (disconnected, identity_mismatch), one that has grown or does not answer is reported by
// SessionObserver::on_logical_unit.
enum class SessionEvent : std::uint8_t {
  capacity_changed = 1,  // 2A/09. Asked anew
  logical_units_changed =
      2,  // 3F/0E: the target has other units than before. Asked anew; new ones are not taken
  logical_unit_reset = 3,       // 29h: power on, reset, or loss of the nexus. Asked anew
  mode_parameters_changed = 4,  // 2A/01. Asked anew
  identity_changed = 5,         // 3F/03, 3F/05: INQUIRY data or device identifier. Asked anew
  medium_changed = 6,           // 28h, NOT READY 3Ah. Asked anew
  reservations_changed = 7,     // 2A/03 to 2A/05
  space_low = 8,                // 38/07: the soft threshold of a thin-provisioned unit
  failure_predicted = 9,        // 5Dh, 0Bh
  deferred_error = 10,  // an earlier write, acknowledged from a volatile cache, was lost; see io_request.hpp
};
[[nodiscard]] const char* to_string(SessionEvent) noexcept;

}  // namespace srpi
