// SPDX-License-Identifier: Apache-2.0
// Which logical units may still have an old write on its way: what must be fenced off before new I/O.
//
// A write that was unanswered when its queue pair died is not over for the target: it may have all its data
// and apply them later, even after the next login, over a newer write that was acknowledged by then. Failing
// the request to its caller changes nothing about that, nor does it matter who ended the connection. What
// ends it is a LOGICAL UNIT RESET that the target answers with "function complete": it has no task of that
// unit any more then (SAM-5 7.7).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "scsi/cdb.hpp"

namespace srpi::channel {

// False only for commands that are known to leave the medium as it is.
[[nodiscard]] bool may_change_medium(const scsi::Cdb&) noexcept;

// A set of LUNs (their 8 SAM bytes). Allocates nothing: lists are made where connections end.
class FenceList {
 public:
  static constexpr std::size_t kMost = 256;  // logical units of a session

  void add(std::uint64_t lun) noexcept;
  void remove(std::uint64_t lun) noexcept;
  [[nodiscard]] bool contains(std::uint64_t lun) const noexcept;
  // Every unit of the session, which are not known yet: to be added by whoever finds them.
  void want_all_units() noexcept { all_units_ = true; }
  [[nodiscard]] bool take_all_units() noexcept { return std::exchange(all_units_, false); }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0 && !all_units_; }
  [[nodiscard]] std::span<const std::uint64_t> luns() const noexcept { return {luns_.data(), count_}; }

 private:
  std::array<std::uint64_t, kMost> luns_;
  std::size_t count_ = 0;
  bool all_units_ = false;
};

}  // namespace srpi::channel
