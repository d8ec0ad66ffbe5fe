// SPDX-License-Identifier: Apache-2.0
#include "base/lun_set.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace srpi::base {

bool LunSet::contains(std::uint64_t lun) const noexcept {
  return std::ranges::find(luns(), lun) != luns().end();
}

void LunSet::add(std::uint64_t lun) noexcept {
  if (contains(lun)) return;
  SRPI_CHECK(count_ < kMost);  // a session has no more units
  luns_[count_++] = lun;
}

void LunSet::remove(std::uint64_t lun) noexcept {
  const auto end = std::remove(luns_.begin(), luns_.begin() + count_, lun);
  count_ = static_cast<std::size_t>(end - luns_.begin());
}

}  // namespace srpi::base
