// SPDX-License-Identifier: Apache-2.0
// What has to be done so that every listed target has a session that is, or tries to be, live. Pure: from the
// list and what the daemon has, to steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/target_list.hpp"
#include "control/session_view.hpp"

namespace srp_nbd {

enum class SyncAction : std::uint8_t {
  connect,     // the daemon has no session with this target
  reconnect,   // it has, and lost it by accident
  none,        // it is live, or logging in right now
  leave_alone  // an administrator disconnected it
};
[[nodiscard]] const char* to_string(SyncAction) noexcept;

struct SyncStep {
  const ListedTarget* target = nullptr;
  SyncAction action = SyncAction::none;
  std::string session;  // its name; empty: connect
  std::string state;    // as list words it
};

// sessions: as `list` answers. Several sessions with one target get a step each. The list must outlive the
// steps.
[[nodiscard]] std::vector<SyncStep> plan_sync(const TargetList&, const std::vector<SessionView>& sessions);

}  // namespace srp_nbd
