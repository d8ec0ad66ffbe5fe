// SPDX-License-Identifier: Apache-2.0
#include "faults.hpp"

namespace srpi::sim {

const char* to_string(Fault fault) noexcept {
  switch (fault) {
    case Fault::work_error:
      return "work_error";
    case Fault::work_delay:
      return "work_delay";
    case Fault::cm_lost:
      return "cm_lost";
    case Fault::cm_unreachable:
      return "cm_unreachable";
    case Fault::cm_stale:
      return "cm_stale";
    case Fault::cm_delay:
      return "cm_delay";
    case Fault::login_cut:
      return "login_cut";
    case Fault::busy:
      return "busy";
    case Fault::task_set_full:
      return "task_set_full";
    case Fault::reservation_conflict:
      return "reservation_conflict";
    case Fault::becoming_ready:
      return "becoming_ready";
    case Fault::medium_error:
      return "medium_error";
    case Fault::aborted_command:
      return "aborted_command";
    case Fault::command_attention:
      return "command_attention";
    case Fault::lose_command:
      return "lose_command";
    case Fault::lose_response:
      return "lose_response";
    case Fault::hold:
      return "hold";
    case Fault::hold_medium:
      return "hold_medium";
    case Fault::wrong_residual:
      return "wrong_residual";
    case Fault::malformed_response:
      return "malformed_response";
    case Fault::unknown_tag:
      return "unknown_tag";
    case Fault::duplicate_response:
      return "duplicate_response";
    case Fault::garbage_unit:
      return "garbage_unit";
    case Fault::oversize_unit:
      return "oversize_unit";
    case Fault::credit_grow:
      return "credit_grow";
    case Fault::credit_shrink:
      return "credit_shrink";
    case Fault::credit_storm:
      return "credit_storm";
    case Fault::credit_overflow:
      return "credit_overflow";
    case Fault::async_event:
      return "async_event";
    case Fault::logout:
      return "logout";
    case Fault::attention:
      return "attention";
    case Fault::drop_connections:
      return "drop_connections";
    case Fault::target_offline:
      return "target_offline";
    case Fault::power_failure:
      return "power_failure";
    case Fault::exchange_unit:
      return "exchange_unit";
    case Fault::login_reject:
      return "login_reject";
    case Fault::bad_login_response:
      return "bad_login_response";
    case Fault::break_initiator:
      return "break_initiator";
    case Fault::break_target:
      return "break_target";
    case Fault::cm_disconnect:
      return "cm_disconnect";
    case Fault::device_removed:
      return "device_removed";
    case Fault::slow_session:
      return "slow_session";
    case Fault::slow_target:
      return "slow_target";
    case Fault::resize:
      return "resize";
    case Fault::read_only:
      return "read_only";
    case Fault::admin_disconnect:
      return "admin_disconnect";
    case Fault::admin_reconnect:
      return "admin_reconnect";
    case Fault::admin_erase:
      return "admin_erase";
  }
  return "?";
}

}  // namespace srpi::sim
