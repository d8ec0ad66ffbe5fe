// SPDX-License-Identifier: Apache-2.0
// Which logical units may still have an old write on its way, and must be fenced before new I/O.
//
// A write that was unanswered when its queue pair died may still be applied by the target, even after the
// next login, and over a newer write that is acknowledged by then. It does not matter whether the request
// failed to its caller, or which side ended the connection. Only a LOGICAL UNIT RESET that the target answers
// with "function complete" ends the write: the target has no task of that unit then (SAM-5 7.7). So a mark
// outlives every connection, and only that answer removes it.
#pragma once

#include <cstdint>
#include <span>

#include "session/channel_names.hpp"
#include "session/proof.hpp"

namespace srpi::session {

class FenceMarks {
 public:
  void mark(std::uint64_t lun) noexcept { marked_.add(lun); }
  // Marks all units of the session before they are known.
  void mark_all_units() noexcept { all_units_ = AllUnits::wanted; }
  // Called when the units are known.
  void units_found(std::span<const ProvedUnit> units) noexcept {
    if (all_units_ == AllUnits::as_marked) return;
    all_units_ = AllUnits::as_marked;
    for (const auto& unit : units) marked_.add(unit.lun);
  }
  // Called when the target has confirmed the unit's reset.
  void clear(std::uint64_t lun) noexcept { marked_.remove(lun); }

  [[nodiscard]] bool empty() const noexcept { return marked_.empty() && all_units_ == AllUnits::as_marked; }
  [[nodiscard]] bool contains(std::uint64_t lun) const noexcept { return marked_.contains(lun); }
  [[nodiscard]] std::span<const std::uint64_t> luns() const noexcept { return marked_.luns(); }

 private:
  enum class AllUnits : std::uint8_t { as_marked, wanted };
  LunSet marked_;
  AllUnits all_units_ = AllUnits::as_marked;
};

}  // namespace srpi::session
