// SPDX-License-Identifier: Apache-2.0
// SCSI status codes (SAM-5 5.3.1).
#pragma once

#include <cstdint>

namespace srpi::scsi {

enum class Status : std::uint8_t {
  good = 0x00,
  check_condition = 0x02,
  condition_met = 0x04,
  busy = 0x08,
  intermediate = 0x10,                // obsolete since SAM-4
  intermediate_condition_met = 0x14,  // obsolete since SAM-4
  reservation_conflict = 0x18,
  command_terminated = 0x22,  // obsolete since SAM-2
  task_set_full = 0x28,
  aca_active = 0x30,
  task_aborted = 0x40,
};

inline constexpr Status kStatuses[] = {
    Status::good,
    Status::check_condition,
    Status::condition_met,
    Status::busy,
    Status::intermediate,
    Status::intermediate_condition_met,
    Status::reservation_conflict,
    Status::command_terminated,
    Status::task_set_full,
    Status::aca_active,
    Status::task_aborted,
};

// "CHECK CONDITION", or "unknown status" (the caller prints its number).
[[nodiscard]] const char* to_string(Status) noexcept;

}  // namespace srpi::scsi
