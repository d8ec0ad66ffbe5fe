// SPDX-License-Identifier: Apache-2.0
#include "channel/fence.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace srpi::channel {

bool may_change_medium(const scsi::Cdb& cdb) noexcept {
  using enum scsi::Opcode;
  switch (cdb.opcode()) {
    case test_unit_ready:
    case request_sense:
    case inquiry:
    case report_luns:
    case mode_sense_6:
    case mode_sense_10:
    case read_capacity_10:
    case service_action_in_16:
    case read_6:
    case read_10:
    case read_12:
    case read_16:
    case synchronize_cache_10:  // the medium then holds what reads have returned before
    case synchronize_cache_16:
      return false;
    default:
      return true;
  }
}

bool FenceList::contains(std::uint64_t lun) const noexcept {
  return std::ranges::find(luns(), lun) != luns().end();
}

void FenceList::add(std::uint64_t lun) noexcept {
  if (contains(lun)) return;
  SRPI_CHECK(count_ < kMost);  // commands come from logical units, of which there are no more
  luns_[count_++] = lun;
}

void FenceList::remove(std::uint64_t lun) noexcept {
  const auto end = std::remove(luns_.begin(), luns_.begin() + count_, lun);
  count_ = static_cast<std::size_t>(end - luns_.begin());
}

}  // namespace srpi::channel
