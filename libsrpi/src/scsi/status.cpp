// SPDX-License-Identifier: Apache-2.0
#include "scsi/status.hpp"

namespace srpi::scsi {

const char* to_string(Status status) noexcept {
  switch (status) {
    case Status::good: return "GOOD";
    case Status::check_condition: return "CHECK CONDITION";
    case Status::condition_met: return "CONDITION MET";
    case Status::busy: return "BUSY";
    case Status::intermediate: return "INTERMEDIATE";
    case Status::intermediate_condition_met: return "INTERMEDIATE-CONDITION MET";
    case Status::reservation_conflict: return "RESERVATION CONFLICT";
    case Status::command_terminated: return "COMMAND TERMINATED";
    case Status::task_set_full: return "TASK SET FULL";
    case Status::aca_active: return "ACA ACTIVE";
    case Status::task_aborted: return "TASK ABORTED";
  }
  return "unknown status";
}

}  // namespace srpi::scsi
