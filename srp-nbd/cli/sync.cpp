// SPDX-License-Identifier: Apache-2.0
#include "cli/sync.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "srpi/target_lists.hpp"

namespace srp_nbd {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '#' && (i == 0 || kBlanks.find(line[i - 1]) != kBlanks.npos)) return line.substr(0, i);
  return line;
}

SyncAction action_for(const SessionView& session) {
  if (session.state == "recovering") return SyncAction::reconnect;
  if (session.state != "disconnected" && session.state != "disconnecting") return SyncAction::none;
  return session.by == "fault" ? SyncAction::reconnect : SyncAction::leave_alone;
}

}  // namespace

TargetList parse_target_list(std::string_view text) {
  TargetList list;
  if (text.size() > kMaxTargetListBytes) {
    list.errors.push_back({1, 1, fmt::format("more than {} bytes", kMaxTargetListBytes)});
    return list;
  }
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = without_comment(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));

    const auto first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) continue;
    const auto column = first + 1;
    auto target = srpi::parse_target(line);
    if (!target) {
      const auto& error = target.error();
      list.errors.push_back({number, srpi::error_position(error, line).value_or(column), error.message()});
      continue;
    }
    const auto same = std::ranges::find_if(list.targets, [&](const ListedTarget& listed) {
      return srpi::is_same_target(listed.target.address, target->address);
    });
    if (same != list.targets.end()) {
      list.repeated.push_back(
          {number, column, fmt::format("the same target as in line {}: it counts once", same->line)});
    } else if (list.targets.size() == kMaxListedTargets) {
      list.errors.push_back(
          {number, column,
           fmt::format("more than {} targets: this line and the rest are not read", kMaxListedTargets)});
      break;
    } else {
      list.targets.push_back({number, std::move(*target)});
    }
  }
  return list;
}

std::vector<SyncStep> plan_sync(const TargetList& list, const std::vector<SessionView>& sessions) {
  std::vector<SyncStep> steps;
  for (const auto& target : list.targets) {
    bool is_known = false;
    for (const auto& session : sessions) {
      const auto known = srpi::parse_target(session.target);
      if (!known || !srpi::is_same_target(known->address, target.target.address)) continue;
      is_known = true;
      steps.push_back({&target, action_for(session), session.name, session.state});
    }
    if (!is_known) steps.push_back({&target, SyncAction::connect, {}, {}});
  }
  return steps;
}

}  // namespace srp_nbd
