// SPDX-License-Identifier: Apache-2.0
// Plans the steps after which every listed target has a session that is live or tries to be live. Pure: from
// the list and the daemon's sessions to steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/target_list.hpp"
#include "control/session_view.hpp"

namespace srp_nbd {

enum class SyncAction : std::uint8_t {
  connect,     // the daemon has no session with this target
  reconnect,   // it has one, and the connection was lost
  none,        // the session is live, or logs in
  leave_alone  // an administrator disconnected it
};
[[nodiscard]] const char* to_string(SyncAction) noexcept;

struct SyncStep {
  const ListedTarget* target = nullptr;
  SyncAction action = SyncAction::none;
  std::string session;  // its name; empty for `connect`
  std::string state;    // in the words of `list`
};

// `sessions` is the answer of `list`. Each of several sessions with one target has a step. The list must
// outlive the steps.
[[nodiscard]] std::vector<SyncStep> plan_sync(const TargetList&, const std::vector<SessionView>& sessions);

}  // namespace srp_nbd
