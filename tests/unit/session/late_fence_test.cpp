// SPDX-License-Identifier: Apache-2.0
// The fence over live channels: when it starts, and the effect of its end on waiting commands. No channel is
// connected here, so a reset gets no answer. channels_lost_test.cpp tests the answers.
#include "session/late_fence.hpp"

#include <catch2/catch.hpp>

#include "parts_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;

namespace {

struct Fence : IdleChannels {
  Fence() {
    const std::array<ProvedUnit, 2> found{ProvedUnit{.lun = kLun0}, ProvedUnit{.lun = kLun1}};
    units.update(found, marks, now());
  }
  [[nodiscard]] base::Time due() const { return fence.due_at(marks, units); }
  FenceMarks marks;
  AwayUnits units{options, random};
  LateFence fence{options, channels.resets()};
};

}  // namespace

TEST_CASE("the fence waits for as long as the transport tries, and starts only for marked units") {
  Fence rig;
  rig.fence.on_channel_lost(rig.now());
  CHECK(rig.due() == base::kNever);
  rig.marks.mark(kLun1);
  CHECK(rig.due() == rig.now() + rig.options.transport_tries_for());
  rig.options.fence = false;
  CHECK(rig.due() == base::kNever);
}

TEST_CASE("a unit that is away is not fenced") {
  Fence rig;
  rig.marks.mark(kLun1);
  rig.fence.on_channel_lost(rig.now());
  const std::array<ProvedUnit, 2> found{
      ProvedUnit{.lun = kLun0},
      ProvedUnit{kLun1, ProvedUnit::Answer::refused, Errc::not_ready, scsi::RetryClass::none}};
  rig.units.update(found, rig.marks, rig.now());
  CHECK(rig.due() == base::kNever);
  rig.marks.mark(kLun0);
  CHECK(rig.due() < base::kNever);
  auto a = a_write(kLun0), b = a_write(kLun1);
  rig.fence.keep(a);
  rig.fence.keep(b);
  CHECK(content(rig.fence.take_withheld(rig.units, rig.now())) == std::vector{&b});
  CHECK(b.error == Errc::not_ready);
  CHECK(content(rig.fence.end()) == std::vector{&a});
}

TEST_CASE("one reset runs at a time, and it is withdrawn when the session ends") {
  Fence rig;
  auto write = a_write(kLun1);
  rig.marks.mark(kLun1);
  rig.fence.keep(write);
  rig.fence.on_channel_lost(rig.now());
  rig.clock.advance(rig.options.transport_tries_for());
  rig.fence.start_due(rig.now(), rig.marks, rig.units);
  CHECK(rig.due() == base::kNever);
  CHECK_FALSE(rig.fence.take_result());
  CHECK(content(rig.fence.end()) == std::vector{&write});
  CHECK(rig.marks.contains(kLun1));
  CHECK(rig.due() < base::kNever);
  rig.channels.resets().end_all();
}

TEST_CASE("a reset without any channel's answer settles nothing") {
  Fence rig;
  rig.marks.mark(kLun1);
  rig.fence.start_due(rig.now(), rig.marks, rig.units);
  rig.channels.resets().check_deadlines(rig.now());
  CHECK_FALSE(rig.fence.take_result());
  CHECK(rig.marks.contains(kLun1));
}

TEST_CASE("cancelled commands stay until their unit is fenced and then end with cancelled") {
  Fence rig;
  auto a = a_write(kLun0), b = a_write(kLun1);
  for (auto* c : {&a, &b}) {
    c->internal.deadline = rig.now() + 10s;
    rig.fence.keep(*c);
  }
  rig.fence.cancel(kLun1, rig.now());
  CHECK(b.internal.deadline == rig.now());
  CHECK(b.internal.end_error == Errc::cancelled);
  CHECK(a.internal.deadline == rig.now() + 10s);
  CHECK(content(rig.fence.take_unit(kLun1)) == std::vector{&b});
  CHECK(content(rig.fence.end()) == std::vector{&a});
}
