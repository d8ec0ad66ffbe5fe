// SPDX-License-Identifier: Apache-2.0
// The resets that find out whether a stuck unit is back. The built-in target loses them or answers them.
#include "session/stuck_resets.hpp"

#include "connected_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using Why = StuckResets::Why;

namespace {

struct Resets : Connected {
  Resets() : Connected(1) { lose_all(); }
  void lose_all() {
    target->set_task_hook([this](const wire::TaskManagement&) { return ++sent, kLost; });
  }
  void answer_all() {
    target->set_task_hook([this](const wire::TaskManagement&) { return ++sent, target::TaskOutcome{}; });
  }
  int ask(Why why = Why::time) {
    resets.ask(kLun0, channels, clock.now(), why);
    settle();
    return sent;
  }
  std::optional<std::uint64_t> answered() { return resets.take_answered(channels, clock.now()); }

  int sent = 0;
  StuckResets resets{options};
};

}  // namespace

TEST_CASE("a stuck unit gets one reset; a second one much later or on request, and no third") {
  Resets rig;
  CHECK(rig.ask() == 1);
  CHECK(rig.resets.asked_just_now(kLun0, rig.clock.now()));
  CHECK(rig.ask() == 1);
  SECTION("much later") {
    rig.clock.advance(10 * *rig.options.reconnect_delay);
    CHECK_FALSE(rig.resets.asked_just_now(kLun0, rig.clock.now()));
    CHECK(rig.ask() == 2);
  }
  SECTION("on request") { CHECK(rig.ask(Why::request) == 2); }
  rig.clock.advance(10 * *rig.options.reconnect_delay);
  CHECK(rig.ask() == 2);
  CHECK(rig.ask(Why::request) == 2);
  CHECK_FALSE(rig.answered());
}

TEST_CASE("an answered reset names its unit once and frees the place of a lost one") {
  Resets rig;
  rig.ask();
  rig.answer_all();
  rig.ask(Why::request);
  CHECK(rig.answered() == kLun0);
  CHECK_FALSE(rig.answered());
  CHECK(rig.ask() == 3);
}

TEST_CASE("the wait before the next resets doubles after each answer, until reconnect ends it") {
  Resets rig;
  rig.answer_all();
  const auto least = *rig.options.reconnect_delay;
  for (const int factor : {1, 2, 4}) {
    rig.ask();
    REQUIRE(rig.answered());
    CHECK_FALSE(rig.resets.may_ask(rig.clock.now() + factor * least - std::chrono::milliseconds(1)));
    CHECK(rig.resets.may_ask(rig.clock.now() + factor * least));
  }
  rig.resets.forget_answers();
  CHECK(rig.resets.may_ask(rig.clock.now()));
}

TEST_CASE("a reset whose channel ends can be sent again over the next one") {
  Resets rig;
  CHECK(rig.ask() == 1);
  close(rig.link(0).channel, rig.marks, rig.clock.now());
  CHECK_FALSE(rig.answered());
  CHECK_FALSE(rig.resets.asked_just_now(kLun0, rig.clock.now()));
}
