// SPDX-License-Identifier: Apache-2.0
#include "lun/busy_units.hpp"

#include <algorithm>

#include "lun/unit.hpp"

namespace srpi::lun {

bool BusyUnits::add(Unit& unit) noexcept {
  if (sleeper_) [[unlikely]]
    return ask(unit);
  if (unit.is_listed_) return true;
  unit.is_listed_ = true;
  unit.next_busy_ = nullptr;
  (tail_ ? tail_->next_busy_ : head_) = &unit;
  tail_ = &unit;
  return true;
}

// The sleeper that permits it has called wake().
bool BusyUnits::ask(Unit& unit) noexcept { return sleeper_->on_work() && add(unit); }

void BusyUnits::sleep(Sleeper& sleeper) noexcept {
  sleeper_ = &sleeper;
  mark_listed(false);
}

void BusyUnits::wake() noexcept {
  sleeper_ = nullptr;
  mark_listed(true);
}

void BusyUnits::mark_listed(bool listed) noexcept {
  for (auto* unit = head_; unit; unit = unit->next_busy_) unit->is_listed_ = listed;
}

// Visits each unit that is in the list now. Units that completions add wait for the next visit.
std::size_t BusyUnits::visit(Visit what) noexcept {
  auto* unit = head_;
  head_ = tail_ = nullptr;
  std::size_t n = 0;
  while (unit) {
    auto* const next = unit->next_busy_;
    unit->is_listed_ = false;
    n += what == Visit::poll ? unit->poll() : unit->issue();
    if (unit->is_busy()) (void)add(*unit);
    unit = next;
  }
  return n;
}

bool BusyUnits::has_work() const noexcept {
  for (const auto* unit = head_; unit; unit = unit->next_busy_)
    if (unit->has_work()) return true;
  return false;
}

base::Time BusyUnits::next_deadline() const noexcept {
  auto next = base::kNever;
  for (const auto* unit = head_; unit; unit = unit->next_busy_) next = std::min(next, unit->next_deadline());
  return next;
}

}  // namespace srpi::lun
