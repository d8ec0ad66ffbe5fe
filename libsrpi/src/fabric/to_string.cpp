// SPDX-License-Identifier: Apache-2.0
#include "fabric/endpoint.hpp"

namespace srpi::fabric {

const char* to_string(WorkStatus s) noexcept {
  switch (s) {
    case WorkStatus::success: return "success";
    case WorkStatus::flushed: return "flushed";
    case WorkStatus::retry_exceeded: return "transport retry counter exceeded";
    case WorkStatus::rnr_exceeded: return "receiver-not-ready retry counter exceeded";
    case WorkStatus::remote_access: return "remote access error";
    case WorkStatus::remote_operation: return "remote operation error";
    case WorkStatus::local_error: return "local error";
    case WorkStatus::fatal: return "fatal error";
  }
  return "unknown status";
}

const char* to_string(ConnectionEvent::Kind k) noexcept {
  switch (k) {
    case ConnectionEvent::Kind::resolved: return "resolved";
    case ConnectionEvent::Kind::established: return "established";
    case ConnectionEvent::Kind::rejected: return "rejected";
    case ConnectionEvent::Kind::failed: return "failed";
    case ConnectionEvent::Kind::disconnected: return "disconnected";
  }
  return "unknown event";
}

}  // namespace srpi::fabric
