// SPDX-License-Identifier: Apache-2.0
#include "cli/sync_plan.hpp"

namespace srp_nbd {
namespace {

SyncAction action_for(const SessionView& session) {
  if (session.state == "recovering") return SyncAction::reconnect;
  if (session.state != "disconnected" && session.state != "disconnecting") return SyncAction::none;
  return session.by == "fault" ? SyncAction::reconnect : SyncAction::leave_alone;
}

}  // namespace

const char* to_string(SyncAction action) noexcept {
  switch (action) {
    case SyncAction::connect: return "connect";
    case SyncAction::reconnect: return "reconnect";
    case SyncAction::none: return "none";
    case SyncAction::leave_alone: return "leave_alone";
  }
  return "unknown";
}

std::vector<SyncStep> plan_sync(const TargetList& list, const std::vector<SessionView>& sessions) {
  std::vector<SyncStep> steps;
  for (const auto& target : list.targets) {
    bool is_known = false;
    for (const auto& session : sessions) {
      const auto known = srpi::parse_target(session.target);
      if (!known || !is_same_target(known->address, target.target.address)) continue;
      is_known = true;
      steps.push_back({&target, action_for(session), session.name, session.state});
    }
    if (!is_known) steps.push_back({&target, SyncAction::connect, {}, {}});
  }
  return steps;
}

}  // namespace srp_nbd
