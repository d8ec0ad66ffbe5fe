// SPDX-License-Identifier: Apache-2.0
// The units of a session: how they come in, change, and are reported.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "api/session_impl.hpp"

namespace srpi::api {
namespace {

lun::Unit& as_unit(const std::unique_ptr<LogicalUnit>& unit) { return static_cast<lun::Unit&>(*unit); }

}  // namespace

// For a known unit.
void SessionImpl::take_unit(lun::Unit& unit, const lun::UnitProfile& found) {
  if (found.oddities != unit.profile().oddities)
    for (const auto& oddity : found.oddities) log(unit_lines_, LogLevel::warning, [&] { return oddity; });
  const auto properties = [&] {
    const auto& info = unit.info();
    return std::tuple(info.read_only, info.can_unmap, info.can_write_zeroes);
  };
  const auto before = properties();
  const auto was_away = unit.info().away.code;
  UnitChange change;
  change.old_blocks = unit.info().blocks;
  change.resized = unit.update(found);
  const auto& away = unit.info().away;
  change.away = away.code != was_away && away.code != Errc::ok;
  change.back = away.code != was_away && away.code == Errc::ok;
  report_change(unit, change);
  if (properties() == before) return;
  log(unit_lines_, LogLevel::warning, [&] {
    const auto& info = unit.info();
    return fmt::format("LUN {} is {} now, unmap {}, write zeroes {}", info.lun,
                       info.read_only ? "write-protected" : "writable", info.can_unmap ? "on" : "off",
                       info.can_write_zeroes ? "on" : "off");
  });
  if (observer_ && !change.resized && !change.away && !change.back) observer_->on_logical_unit(unit, change);
}

void SessionImpl::report_change(lun::Unit& unit, const UnitChange& change) {
  const auto& away = unit.info().away;
  if (change.away || change.back)
    log(unit_lines_, away.code == Errc::ok ? LogLevel::info : LogLevel::warning, [&] {
      return fmt::format(
          "LUN {} is {}", unit.info().lun,
          away.code == Errc::ok ? "back" : "away, the session goes on without it: " + away.message());
    });
  if (observer_ && (change.resized || change.away || change.back)) observer_->on_logical_unit(unit, change);
}

void SessionImpl::report_not_taken(std::span<const UnitNotTaken> before) {
  if (proof_.luns_not_taken() != std::exchange(luns_left_out_, proof_.luns_not_taken()) && luns_left_out_ > 0)
    log(LogLevel::warning, [&] {
      return fmt::format(
          "{} logical units are left out, a session takes {}: name the wanted ones by luns (--lun)",
          proof_.luns_not_taken(), lun::UnitProof::kMaxUnits);
    });
  const auto& why = proof_.luns_guessed();
  if (why.code != std::exchange(luns_guessed_, why.code) && why.code != Errc::ok)
    log(LogLevel::warning, [&] {
      return fmt::format("the target does not report its LUNs, so LUNs 0 to {} were tried: {}",
                         lun::UnitProof::kMaxUnits - 1, why.detail);
    });
  for (const auto& unit : proof_.not_taken()) {
    const auto is_same = [&](const UnitNotTaken& known) {
      return known.lun == unit.lun && known.why.code == unit.why.code;
    };
    if (std::ranges::any_of(before, is_same)) continue;
    log(unit_lines_, LogLevel::warning, [&] {
      return fmt::format("LUN {} is not taken, the session goes on without it: {}", unit.lun,
                         unit.why.message());
    });
    if (observer_) observer_->on_unit_not_taken(unit);
  }
}

// The first proof finds the units, later ones may find them grown, away, or back.
Result<> SessionImpl::take_units(std::span<const lun::UnitProfile> found) {
  if (units_.empty()) report_not_taken({});
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i < units_.size())
      take_unit(as_unit(units_[i]), found[i]);
    else if (auto added = add_unit(found[i]); !added)
      return added;
  }
  return {};
}

Result<> SessionImpl::add_unit(const lun::UnitProfile& found) {
  units_.reserve(lun::UnitProof::kMaxUnits);  // once, so that callers' spans stay valid
  auto unit = std::make_unique<lun::Unit>(nexus_, busy_units_, found, options_, clock_);
  if (auto done = unit->prepare(); !done) return done;
  log(LogLevel::info, [&] {
    return fmt::format("LUN {} found, {} blocks of {} bytes", found.info.lun, found.info.blocks,
                       found.info.block_size);
  });
  for (const auto& oddity : found.oddities) log(LogLevel::warning, [&] { return oddity; });
  units_.push_back(std::move(unit));
  if (observer_) observer_->on_logical_unit(*units_.back(), {.found = true});
  if (found.info.away.code != Errc::ok) report_change(as_unit(units_.back()), {.away = true});
  return {};
}

void SessionImpl::searched(std::span<const UnitNotTaken> before) { report_not_taken(before); }

}  // namespace srpi::api
