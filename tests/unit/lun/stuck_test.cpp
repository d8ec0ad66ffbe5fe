// SPDX-License-Identifier: Apache-2.0
// A unit that leaves everything unanswered costs its session one connection; then it is away, and the others
// carry on. It is back when its LOGICAL UNIT RESET is answered.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;

namespace {

Errc outcome_of(Rig& rig, std::size_t unit, IoOperation operation = IoOperation::read) {
  Io io(rig, operation, 0);
  rig.units[unit]->submit(io.request);
  rig.settle();
  CHECK(io.completions == 1);
  return io.request.status;
}

Errc away_code(Rig& rig, std::size_t unit) { return rig.proof.units()[unit].info.away.code; }

// I/O finds out: the command's deadline, its abort, the reset, the end of the connection.
void hang_under_io(Rig& rig, std::uint16_t lun, IoOperation operation = IoOperation::read) {
  REQUIRE(rig.target->hang(lun, true).has_value());
  Io io(rig, operation, 0);
  rig.units[lun]->submit(io.request);
  const auto before = rig.nexus->record().connects;
  for (int i = 0; i < 300 && rig.nexus->record().connects == before; ++i) rig.pass(100ms);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::timed_out);
  REQUIRE(rig.nexus->state() == State::live);
  rig.pass_in_steps(rig.options.task_management_timeout + 1s, 100ms);  // it might be back at once
}

void go_on(Rig& rig, std::uint16_t lun) {
  REQUIRE(rig.target->hang(lun, false).has_value());
  rig.settle();
}

SessionOptions with_channels(std::uint32_t n) {
  SessionOptions options;
  options.channels = n;
  return options;
}

target::TargetConfig granting(std::uint32_t requests) {
  target::TargetConfig config;
  config.request_limit = requests;
  return config;
}

}  // namespace

TEST_CASE(
    "row 37: a unit that hangs costs one connection, then only its own I/O fails, and it comes back by "
    "itself") {
  Rig rig;
  hang_under_io(rig, 1);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.failed_at.empty());  // the first login goes on without it
  CHECK(away_code(rig, 1) == Errc::timed_out);
  CHECK(away_code(rig, 0) == Errc::ok);
  CHECK(rig.proof.units()[1].info.away.message().find("LUN 1 is stuck") != std::string::npos);
  CHECK(outcome_of(rig, 0) == Errc::ok);
  CHECK(outcome_of(rig, 1) == Errc::timed_out);

  const auto functions = rig.target->counters().task_management;
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(outcome_of(rig, 0) == Errc::ok);
  CHECK(rig.target->counters().task_management == functions);

  go_on(rig, 1);
  CHECK(away_code(rig, 1) == Errc::ok);
  CHECK(outcome_of(rig, 1) == Errc::ok);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.nexus->record().connects == 2);
}

TEST_CASE("row 37: a login that waits for a unit fails once, and the next login leaves the unit out") {
  Rig rig;
  REQUIRE(rig.target->hang(1, true).has_value());
  rig.target->drop_connections();
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.failed_at.size() == 1);
  CHECK(away_code(rig, 1) == Errc::timed_out);
  // Another loss meanwhile costs nothing more.
  rig.target->drop_connections();
  rig.come_back();
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.failed_at.size() == 1);
  CHECK(outcome_of(rig, 0) == Errc::ok);
  go_on(rig, 1);
  rig.pass_in_steps(1s, 100ms);
  CHECK(outcome_of(rig, 1) == Errc::ok);
}

TEST_CASE("the keepalive goes to a unit that is not stuck") {
  Rig rig;
  REQUIRE(rig.target->hang(0, true).has_value());
  rig.pass_in_steps(30s, 100ms);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(away_code(rig, 0) == Errc::timed_out);
  const auto commands = rig.target->counters().commands;
  rig.pass_in_steps(120s, 100ms);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.target->counters().commands >= commands + 20);
  go_on(rig, 0);
  CHECK(outcome_of(rig, 0) == Errc::ok);
}

TEST_CASE("row 37: a stuck unit with a write in doubt is fenced at its return, before its I/O") {
  Rig rig;
  int resets = 0;
  bool early = false;
  rig.target->set_task_hook([&](const wire::TaskManagement& f) {
    resets += f.function == wire::TaskFunction::lun_reset && rig.nexus->record().connects == 2;
    return target::TaskOutcome{};
  });
  hang_under_io(rig, 1, IoOperation::write);
  CHECK(rig.nexus->marks().contains(kLun1));
  CHECK(outcome_of(rig, 0) == Errc::ok);
  CHECK(resets == 1);  // the question
  rig.target->set_command_hook([&](const target::CommandInfo& command) {
    early |= resets < 2 && command.lun == kLun1 && command.cdb[0] == std::byte{0x2a};
    return target::Outcome{};
  });
  go_on(rig, 1);
  rig.pass_in_steps(5s, 100ms);
  CHECK(rig.nexus->marks().empty());
  CHECK(resets == 2);
  CHECK(outcome_of(rig, 1, IoOperation::write) == Errc::ok);
  CHECK_FALSE(early);
}

TEST_CASE("row 37: the I/O of a unit that only kept a login waiting does not fail if the unit answers soon") {
  Rig rig(holding());
  REQUIRE(rig.target->hang(1, true).has_value());
  rig.target->drop_connections();
  rig.settle();
  Io held(rig, IoOperation::read, 0);
  rig.units[1]->submit(held.request);
  rig.come_back();
  REQUIRE(away_code(rig, 1) == Errc::timed_out);
  CHECK(rig.failed_at.size() == 1);
  Io io(rig, IoOperation::write, 0);
  rig.units[1]->submit(io.request);
  rig.pass_in_steps(1s, 20ms);
  CHECK(io.completions == 0);
  go_on(rig, 1);
  rig.pass_in_steps(1s, 20ms);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(away_code(rig, 1) == Errc::ok);
}

TEST_CASE("a target that answers nothing at all makes no unit stuck") {
  Rig rig(holding({}));
  for (const std::uint16_t lun : {0, 1}) REQUIRE(rig.target->hang(lun, true).has_value());
  Io io(rig, IoOperation::read, 0);
  rig.units[1]->submit(io.request);
  for (int i = 0; i < 300 && rig.nexus->record().losses == 0; ++i) rig.pass(100ms);
  CHECK(rig.nexus->record().losses == 1);
  for (const auto& unit : rig.nexus->units().units()) CHECK(unit.state == session::AwayUnits::State::here);
}

TEST_CASE("if all units hang, the session keeps trying and is live with the first one that answers") {
  Rig rig;
  for (const std::uint16_t lun : {0, 1}) REQUIRE(rig.target->hang(lun, true).has_value());
  rig.target->drop_connections();
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.nexus->state() == State::lost);
  REQUIRE(rig.target->hang(1, false).has_value());
  rig.pass_in_steps(30s, 100ms);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(outcome_of(rig, 1) == Errc::ok);
  CHECK(away_code(rig, 0) == Errc::timed_out);
  go_on(rig, 0);
  CHECK(outcome_of(rig, 0) == Errc::ok);
}

TEST_CASE("a lost reset of a stuck unit is sent once more, much later") {
  SessionOptions options;
  options.reconnect_delay = 1000ms;
  Rig rig(options);
  int lost = 0;
  rig.target->set_task_hook([&](const wire::TaskManagement&) {
    ++lost;
    return target::TaskOutcome{target::TaskOutcome::Kind::lose, {}};
  });
  hang_under_io(rig, 1);
  CHECK(lost == 3);  // those of the rescue, and the question
  rig.target->set_task_hook({});
  REQUIRE(rig.target->hang(1, false).has_value());
  rig.pass_in_steps(5s, 100ms);
  CHECK(away_code(rig, 1) == Errc::timed_out);
  SECTION("by itself") { rig.pass_in_steps(5s, 100ms); }
  SECTION("because somebody asks") {
    rig.nexus->reconnect();
    rig.settle();
  }
  CHECK(away_code(rig, 1) == Errc::ok);
  CHECK(outcome_of(rig, 1) == Errc::ok);
}

TEST_CASE("pending resets of a stuck unit do not block the rescue of other units") {
  Rig rig;
  hang_under_io(rig, 1);
  rig.pass_in_steps(1s, 100ms);
  bool once = true;
  rig.target->set_command_hook([&](const target::CommandInfo& command) {
    const bool lose = command.lun == 0 && command.cdb[0] == std::byte{0x28} && std::exchange(once, false);
    return lose ? target::Outcome::of(target::Outcome::Kind::lose_command) : target::Outcome{};
  });
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.pass_in_steps(15s, 100ms);
  CHECK_FALSE(once);
  CHECK(io.completions == 1);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(outcome_of(rig, 0) == Errc::ok);
}

TEST_CASE("if a target answers resets of a unit that hangs, each costs a connection, so they become rare") {
  Rig rig;
  const auto result = GENERATE(wire::TaskResult::not_supported, wire::TaskResult::complete);
  rig.target->set_task_hook([=](const wire::TaskManagement&) {
    return target::TaskOutcome{target::TaskOutcome::Kind::answer, result};
  });
  REQUIRE(rig.target->hang(1, true).has_value());
  rig.target->drop_connections();
  rig.come_back();
  rig.pass_in_steps(900s, 100ms);
  CHECK(rig.nexus->record().losses >= 3);
  CHECK(rig.nexus->record().losses <= 8);
  rig.come_back();
  CHECK(outcome_of(rig, 0) == Errc::ok);
  REQUIRE(rig.target->hang(1, false).has_value());
  rig.pass_in_steps(330s, 100ms);
  CHECK(away_code(rig, 1) == Errc::ok);
  CHECK(outcome_of(rig, 1) == Errc::ok);
}

TEST_CASE("units that answer the proof and hang at the fence are tried in turn") {
  Rig rig;
  for (const std::size_t unit : {0u, 1u}) {
    Io io(rig, IoOperation::write, 0);
    rig.target->set_command_hook(
        [](const auto&) { return target::Outcome::of(target::Outcome::Kind::hold_medium); });
    rig.units[unit]->submit(io.request);
    rig.settle();
    if (unit == 1) rig.target->drop_connections();
    rig.settle();
  }
  rig.target->set_command_hook({});
  bool only_first = false;
  rig.target->set_task_hook([&](const wire::TaskManagement& f) {
    if (only_first && f.lun == kLun1) return target::TaskOutcome{};
    return target::TaskOutcome{target::TaskOutcome::Kind::lose, {}};
  });
  rig.pass_in_steps(60s, 100ms);
  only_first = true;
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.nexus->state() == State::live);
  CHECK(outcome_of(rig, 1) == Errc::ok);
  CHECK(away_code(rig, 0) == Errc::timed_out);
  rig.target->set_task_hook({});
  rig.nexus->reconnect();
  rig.pass_in_steps(5s, 100ms);
  CHECK(outcome_of(rig, 0) == Errc::ok);
}

TEST_CASE("a unit that does not belong to the session does not affect it") {
  Rig rig;
  const auto functions = rig.target->counters().task_management;
  REQUIRE(rig.target->add_lun({.number = 7, .bytes = Rig::kDiskBytes, .name = "other"}).has_value());
  REQUIRE(rig.target->hang(7, true).has_value());
  rig.target->drop_connections();
  rig.come_back();
  CHECK(rig.failed_at.empty());
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.target->counters().task_management == functions);
}

TEST_CASE("two channels: a unit that hangs is away, and other units work") {
  Rig rig(with_channels(2));
  REQUIRE(rig.nexus->channels().live().size() == 2);
  REQUIRE(rig.target->hang(1, true).has_value());
  const auto operation = GENERATE(IoOperation::read, IoOperation::write);
  Io a(rig, operation, 0), b(rig, operation, 8);
  rig.units[1]->submit(a.request);
  rig.units[1]->submit(b.request);
  rig.pass_in_steps(60s, 100ms);
  CHECK(a.completions == 1);
  CHECK(b.completions == 1);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(away_code(rig, 1) == Errc::timed_out);
  CHECK(rig.nexus->channels().live().size() == 2);
  CHECK(outcome_of(rig, 0) == Errc::ok);
  const auto losses = rig.nexus->record().losses;
  const auto lost_channels = rig.nexus->channels().history.losses;
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.nexus->record().losses == losses);
  CHECK(rig.nexus->channels().history.losses == lost_channels);
  go_on(rig, 1);
  rig.pass_in_steps(5s, 100ms);
  CHECK(outcome_of(rig, 1) == Errc::ok);
}

TEST_CASE("with a request limit too small for a waiting reset, every login asks all units") {
  Rig rig({}, granting(2));
  REQUIRE(rig.target->hang(1, true).has_value());
  rig.target->drop_connections();
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.nexus->state() == State::lost);
  REQUIRE(rig.target->hang(1, false).has_value());
  rig.come_back();
  CHECK(rig.nexus->state() == State::live);
  CHECK(outcome_of(rig, 0) == Errc::ok);
  CHECK(outcome_of(rig, 1) == Errc::ok);
}
