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

}  // namespace srpi
