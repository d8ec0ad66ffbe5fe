// SPDX-License-Identifier: Apache-2.0
// A reset of a unit over all channels of a session.
#include "rig.hpp"

using namespace srpi;
using namespace srpi::channel;
using namespace srpi::channel::test;
using namespace std::chrono_literals;

TEST_CASE("a reset is sent over every logged-in channel and completes once") {
  Rig rig(3);
  (void)rig.channel(2).end();
  CountedTmf reset;
  rig.resets.submit(reset);
  rig.settle();
  CHECK(rig.functions.size() == 2);
  CHECK(reset.completions == 1);
  CHECK(reset.confirmed());
}

TEST_CASE("a second reset of the same unit joins the first one; a reset of another unit waits") {
  Rig rig;
  rig.task_outcome = kLost;
  CountedTmf first, second, other(wire::TaskFunction::lun_reset, kOtherLun);
  for (auto* t : {&first, &second, &other}) {
    t->deadline = rig.clock.now() + (t == &other ? 3s : 2s);
    rig.resets.submit(*t);
  }
  rig.settle();
  CHECK(rig.functions.size() == 1);
  CHECK(rig.resets.next_deadline() == first.deadline);
  rig.task_outcome = {};
  rig.pass(2s);
  CHECK(first.error == Errc::timed_out);
  CHECK(second.error == Errc::timed_out);
  CHECK(other.confirmed());
  CHECK(first.completions + second.completions + other.completions == 3);
}

TEST_CASE("a channel that refuses a reset that another channel confirms fails") {
  Rig rig(2);
  int answers = 0;
  rig.target->set_task_hook(
      [&](const wire::TaskManagement&) { return ++answers == 1 ? target::TaskOutcome{} : kRefused; });
  CountedTmf reset;
  rig.resets.submit(reset);
  rig.settle();
  CHECK(reset.confirmed());
  CHECK(rig.channel(0).failure().has_value() != rig.channel(1).failure().has_value());
}

TEST_CASE("a withdrawn reset does not complete; a reset without channels ends with no_connect") {
  Rig rig;
  CountedTmf withdrawn, late;
  rig.resets.submit(withdrawn);
  rig.resets.withdraw(withdrawn);
  rig.settle();
  CHECK(withdrawn.completions == 0);
  (void)rig.channel().end();
  rig.resets.submit(late);
  rig.pass(1ms);
  CHECK(late.completions == 1);
  CHECK(late.error == Errc::no_connect);
}
