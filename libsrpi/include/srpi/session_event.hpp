// SPDX-License-Identifier: Apache-2.0
// What a target reports about a logical unit beside the answers to requests: by unit attentions, by sense
// data that predict a failure, and by SRP_AER_REQ.
#pragma once

#include <cstdint>

#include "srpi/export.hpp"

namespace srpi {

// The values are stable: never renumbered, only added to.
//
// After an event with the word "proof", the session holds all I/O and asks its units for identity, size and
// mode again. A unit that is a different one now is away (identity_mismatch). A unit that is away or back, or
// has another size, is reported by SessionObserver::on_logical_unit. Then the session looks for
// further units (Session::rescan).
enum class SessionEvent : std::uint8_t {
  capacity_changed = 1,         // 2A/09; proof
  logical_units_changed = 2,    // 3F/0E: the target has other units than before; proof
  logical_unit_reset = 3,       // 29h: power on, reset, or loss of the nexus; proof
  mode_parameters_changed = 4,  // 2A/01; proof
  identity_changed = 5,         // 3F/03, 3F/05: INQUIRY data or device identifier; proof
  medium_changed = 6,           // 28h, NOT READY 3Ah; proof
  reservations_changed = 7,     // 2A/03 to 2A/05
  space_low = 8,                // 38/07: the soft threshold of a thin-provisioned unit
  failure_predicted = 9,        // 5Dh, 0Bh
  deferred_error = 10,          // the unit has lost a write that it had acknowledged; see IoOperation::flush
};
[[nodiscard]] SRPI_EXPORT const char* to_string(SessionEvent) noexcept;

}  // namespace srpi
