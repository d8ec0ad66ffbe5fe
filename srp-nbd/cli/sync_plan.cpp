// SPDX-License-Identifier: Apache-2.0
#include "cli/sync_plan.hpp"

#include <boost/json/value.hpp>

#include "cli/json_fields.hpp"

namespace srp_nbd {
namespace {

SyncAction action_for(const boost::json::object& session) {
  const auto state = text_at(session, "state");
  if (state == "recovering") return SyncAction::reconnect;
  if (state != "disconnected" && state != "disconnecting") return SyncAction::none;
  return text_at(session, "by") == "fault" ? SyncAction::reconnect : SyncAction::leave_alone;
}

}  // namespace

const char* to_string(SyncAction action) noexcept {
  switch (action) {
    case SyncAction::connect:
      return "connect";
    case SyncAction::reconnect:
      return "reconnect";
    case SyncAction::none:
      return "none";
    case SyncAction::leave_alone:
      return "leave_alone";
  }
  return "unknown";
}

std::vector<SyncStep> plan_sync(const TargetList& list, const boost::json::array& sessions) {
  std::vector<SyncStep> steps;
  for (const auto& target : list.targets) {
    bool is_known = false;
    for (const auto& element : sessions) {
      const auto* session = element.if_object();
      if (!session) continue;
      const auto known = srpi::parse_target(text_at(*session, "target"));
      if (!known || !is_same_target(known->address, target.target.address)) continue;
      is_known = true;
      steps.push_back({&target, action_for(*session), text_at(*session, "name"), text_at(*session, "state")});
    }
    if (!is_known) steps.push_back({&target, SyncAction::connect, {}, {}});
  }
  return steps;
}

}  // namespace srp_nbd
