// SPDX-License-Identifier: Apache-2.0
// Keepalives: a target or a peer that is silent.
#include <array>
#include <catch2/catch.hpp>
#include <deque>

#include "unanswered_rig.hpp"
#include "wire/response.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;

TEST_CASE("an unanswered keepalive ends the connection without a reset") {
  Stuck rig;
  rig.pass(*rig.options.keepalive + 10ms);
  rig.expire();
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.functions.empty());
}

TEST_CASE(
    "an adapter's acknowledgement is not an answer: the connection of a target that hangs ends in time") {
  const auto commands = GENERATE(range(0, 32));  // in one of these cases the keepalive is the signaled send
  Stuck rig;
  rig.answer_again();
  std::deque<Counted> answered;
  for (int i = 0; i < commands; ++i) {
    rig.submit(answered.emplace_back());
    rig.settle();
  }
  rig.keep(Outcome::Kind::lose_command);
  rig.clock.advance(*rig.options.keepalive + 10ms);
  rig.nexus->poll();
  rig.clock.advance(1ms);
  rig.settle();
  rig.expire();
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.functions.empty());
}

TEST_CASE(
    "row 2: a keepalive is sent to a target that owes answers, and a silent target is noticed in two "
    "seconds") {
  Stuck rig;
  const auto sent = [&] { return rig.target->counters().commands; };
  Counted stuck;
  rig.submit(stuck);
  rig.settle();
  rig.pass(5ms);  // long enough for a look at the deadlines
  const auto before = sent();
  CHECK(rig.nexus->next_deadline() <= rig.clock.now() + SessionOptions::kAnswersAwaited);
  rig.pass(SessionOptions::kAnswersAwaited - 10ms);
  CHECK(sent() == before);
  rig.answer_again();
  rig.pass(20ms);
  CHECK(sent() == before + 1);
  // The target has answered. The next keepalive comes only after the same time of silence.
  rig.pass(SessionOptions::kAnswersAwaited - 10ms);
  CHECK(sent() == before + 1);
  rig.pass(20ms);
  CHECK(sent() == before + 2);
  CHECK(stuck.completions == 0);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("row 2: the keepalive is sent also with a full queue and with no other credit left") {
  SessionOptions options;
  target::TargetConfig config;
  SECTION("queue_depth") { options.queue_depth = 4; }
  SECTION("credits") { config.request_limit = 5; }
  Stuck rig(options, config);
  std::array<Counted, 6> stuck;
  for (auto& c : stuck) rig.submit(c);
  rig.settle();
  rig.pass(5ms);
  const auto before = rig.target->counters().commands;
  rig.answer_again();
  // The next command in the queue must not use the reserved slot and credit.
  rig.pass(SessionOptions::kAnswersAwaited + 10ms);
  CHECK(rig.target->counters().commands == before + 1);
  // Without an answer, the credit is still there for the commands' rescue.
  rig.expire();
  rig.pass(rig.options.command_timeout);
  for (const auto& c : stuck) CHECK(c.completions == 1);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("if only the keepalive is unanswered, it is aborted, and the session and its units stay") {
  Stuck rig;
  Counted stuck;
  rig.submit(stuck);
  rig.settle();
  rig.pass(5ms);
  rig.pass(SessionOptions::kAnswersAwaited);
  rig.pass(5ms);
  rig.answer_again();
  Counted other;
  rig.submit(other);
  rig.settle();
  CHECK(other.completions == 1);
  SECTION("which the target confirms") {
    rig.expire();
    CHECK(rig.nexus->record().losses == 0);
    CHECK(rig.functions == std::vector{TaskFunction::abort_task, TaskFunction::abort_task});
  }
  SECTION("else the connection ends; the unit is not reset for it") {
    rig.on_abort = kRefused;
    stuck.command.rescue = false;
    rig.expire();
    CHECK(rig.nexus->record().losses == 1);
    CHECK(std::ranges::find(rig.functions, TaskFunction::lun_reset) == rig.functions.end());
  }
}
