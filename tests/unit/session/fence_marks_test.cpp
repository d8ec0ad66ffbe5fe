// SPDX-License-Identifier: Apache-2.0
// Which units must be fenced before new I/O.
#include "session/fence_marks.hpp"

#include <catch2/catch.hpp>

#include "parts_rig.hpp"

using namespace srpi::session;
using namespace srpi::session::test;

TEST_CASE("only a confirmed reset of the unit removes its mark") {
  FenceMarks marks;
  CHECK(marks.empty());
  marks.mark(kLun0);
  marks.mark(kLun1);
  marks.mark(kLun1);
  CHECK(marks.luns().size() == 2);
  marks.clear(kLun0);
  CHECK_FALSE(marks.contains(kLun0));
  CHECK(marks.contains(kLun1));
  marks.clear(kLun1);
  CHECK(marks.empty());
}

TEST_CASE("all units are marked before they are known, and only those that are found") {
  FenceMarks marks;
  marks.mark_all_units();
  CHECK_FALSE(marks.empty());
  CHECK(marks.luns().empty());
  const std::array<ProvedUnit, 2> found{ProvedUnit{.lun = kLun0}, ProvedUnit{.lun = kLun1}};
  marks.units_found(found);
  CHECK(marks.contains(kLun0));
  CHECK(marks.contains(kLun1));
  marks.clear(kLun0);
  marks.clear(kLun1);
  marks.units_found(found);  // a later proof marks nothing
  CHECK(marks.empty());
}
