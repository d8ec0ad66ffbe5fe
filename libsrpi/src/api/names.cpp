// SPDX-License-Identifier: Apache-2.0
#include "srpi/session.hpp"

namespace srpi {

const char* to_string(SessionState state) noexcept {
  switch (state) {
    case SessionState::connecting: return "connecting";
    case SessionState::live: return "live";
    case SessionState::recovering: return "recovering";
    case SessionState::disconnecting: return "disconnecting";
    case SessionState::disconnected: return "disconnected";
    case SessionState::erased: return "erased";
  }
  return "unknown";
}

const char* to_string(IoOperation operation) noexcept {
  switch (operation) {
    case IoOperation::read: return "read";
    case IoOperation::write: return "write";
    case IoOperation::flush: return "flush";
    case IoOperation::unmap: return "unmap";
    case IoOperation::write_zeroes: return "write_zeroes";
  }
  return "unknown";
}

const char* to_string(SessionEvent event) noexcept {
  switch (event) {
    case SessionEvent::capacity_changed: return "capacity_changed";
    case SessionEvent::logical_units_changed: return "logical_units_changed";
    case SessionEvent::logical_unit_reset: return "logical_unit_reset";
    case SessionEvent::mode_parameters_changed: return "mode_parameters_changed";
    case SessionEvent::identity_changed: return "identity_changed";
    case SessionEvent::medium_changed: return "medium_changed";
    case SessionEvent::reservations_changed: return "reservations_changed";
    case SessionEvent::space_low: return "space_low";
    case SessionEvent::failure_predicted: return "failure_predicted";
    case SessionEvent::deferred_error: return "deferred_error";
  }
  return "unknown";
}

}  // namespace srpi
