// SPDX-License-Identifier: Apache-2.0
#include "base/lun_set.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

using srpi::base::LunSet;

TEST_CASE("a set has each unit once, in the order in which they were added") {
  LunSet set;
  CHECK(set.empty());
  for (const std::uint64_t lun : {3u, 1u, 3u, 2u}) set.add(lun);
  CHECK(std::ranges::equal(set.luns(), std::array<std::uint64_t, 3>{3, 1, 2}));
  set.remove(1);
  set.remove(7);
  CHECK_FALSE(set.contains(1));
  CHECK(std::ranges::equal(set.luns(), std::array<std::uint64_t, 2>{3, 2}));
  set.clear();
  CHECK(set.empty());
}

TEST_CASE("a set has room for all units of a session") {
  LunSet set;
  for (std::uint64_t lun = 0; lun < LunSet::kMost; ++lun) set.add(lun);
  set.add(0);
  CHECK(set.luns().size() == LunSet::kMost);
}
