// SPDX-License-Identifier: Apache-2.0
// Which logical units may still have an old write on its way: what must be fenced off before new I/O reaches them.
//
// A write that was unanswered when its queue pair died is not over for the target: it may have all its data and apply
// them later, even after the next login, over a newer write that was acknowledged by then. Failing the request to its
// caller changes nothing about that, nor does it matter which side ended the connection. What ends the write is a
// LOGICAL UNIT RESET that the target answers with "function complete": it has no task of that unit any more then
// (SAM-5 7.7). So a mark outlives every connection, and only that answer takes it away.
#pragma once

#include <cstdint>
#include <span>

#include "session/channel_names.hpp"

namespace srpi::session {

class FenceMarks {
 public:
  void mark(std::uint64_t lun) noexcept { marked_.add(lun); }
  // Every unit of the session, although the units are not known yet.
  void mark_all_units() noexcept { all_units_ = AllUnits::wanted; }
  // The units are known now.
  template<class Luns>
  void units_found(const Luns& luns) noexcept {
    if (all_units_ == AllUnits::as_marked) return;
    all_units_ = AllUnits::as_marked;
    for (const std::uint64_t lun : luns) marked_.add(lun);
  }
  // The target has confirmed the unit's reset.
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
