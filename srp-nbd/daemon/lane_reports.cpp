// SPDX-License-Identifier: Apache-2.0
#include "daemon/lane_reports.hpp"

#include <algorithm>
#include <utility>

namespace srp_nbd {

void LaneReports::put(LaneReport report) {
  {
    const std::lock_guard lock(mutex_);
    if (merge(report))
      ++waiting_.merged;
    else
      waiting_.reports.push_back(std::move(report));
    if (std::exchange(is_told_, true)) return;
  }
  tell_();
}

LaneReports::Batch LaneReports::take() {
  const std::lock_guard lock(mutex_);
  is_told_ = !waiting_.reports.empty();
  return std::exchange(waiting_, {});
}

// Returns true if `next` is now a part of a waiting report.
bool LaneReports::merge(LaneReport& next) {
  auto& reports = waiting_.reports;
  if (auto* const unit = std::get_if<UnitReport>(&next.what)) {
    const auto same = std::ranges::find_if(reports, [&](const LaneReport& report) {
      const auto* const other = std::get_if<UnitReport>(&report.what);
      return other && other->info.lun == unit->info.lun;
    });
    if (same == reports.end()) return false;
    *same = std::move(next);
    return true;
  }
  if (const auto* const event = std::get_if<UnitEventReport>(&next.what)) {
    const auto same = std::ranges::find_if(reports, [&](const LaneReport& report) {
      const auto* const other = std::get_if<UnitEventReport>(&report.what);
      return other && other->what == event->what && other->lun == event->lun;
    });
    if (same == reports.end()) return false;
    ++std::get<UnitEventReport>(same->what).count;
    same->time = next.time;
    return true;
  }
  const auto is_of_its_kind = [&](const LaneReport& report) {
    return report.what.index() == next.what.index();
  };
  auto* const state = std::get_if<StateReport>(&next.what);
  if (!state && !std::holds_alternative<FailedAttemptReport>(next.what)) return false;
  if (std::ranges::count_if(reports, is_of_its_kind) < static_cast<std::ptrdiff_t>(kHistory)) return false;
  const auto last = std::find_if(reports.rbegin(), reports.rend(), is_of_its_kind);
  if (state) state->from = std::get<StateReport>(last->what).from;
  // At the end: what was reported between the two came before the newest one.
  std::rotate(last.base() - 1, last.base(), reports.end());
  reports.back() = std::move(next);
  return true;
}

}  // namespace srp_nbd
