// SPDX-License-Identifier: Apache-2.0
// Commands that are not answered in time: abort, then reset, then the end of the channel.
#include <array>
#include <catch2/catch.hpp>
#include <deque>

#include "unanswered_rig.hpp"
#include "wire/response.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using target::Outcome;
using target::TaskOutcome;
using wire::TaskFunction;

TEST_CASE(
    "row 18: a command deadline aborts the command: one completion, timed_out, and the session stays live") {
  Stuck rig;
  Counted stuck;
  rig.submit(stuck);
  rig.settle();
  rig.answer_again();
  rig.pass(rig.options.command_timeout - 10ms);
  CHECK(stuck.completions == 0);
  Counted other;
  rig.submit(other);
  rig.pass(20ms);
  CHECK(stuck.completions == 1);
  CHECK(stuck.command.error == Errc::timed_out);
  CHECK(other.completions == 1);
  CHECK(other.command.error == Errc::ok);
  CHECK(rig.functions == std::vector{TaskFunction::abort_task});
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().all()[0]->channel.outstanding() == 0);
}

TEST_CASE("row 18: many late commands are aborted one after the other") {
  Stuck rig;
  std::array<Counted, 100> stuck;
  for (auto& c : stuck) rig.submit(c);
  rig.settle();
  rig.expire();
  for (auto& c : stuck) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::timed_out);
  }
  CHECK(rig.functions.size() == 100);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("row 19: an answer that comes before the abort's counts, and the refused abort changes nothing") {
  Stuck rig;
  rig.keep(Outcome::Kind::hold);
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.clock.advance(rig.options.command_timeout + 10ms);
  rig.nexus->poll();  // sends ABORT TASK
  rig.target->release_held();
  rig.settle();
  CHECK(rig.functions == std::vector{TaskFunction::abort_task});
  CHECK(c.completions == 1);
  CHECK(c.command.error == Errc::ok);
  CHECK(c.command.status == scsi::Status::good);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE(
    "row 20: a refused abort is followed by LUN RESET at once, which ends the unit's other commands too") {
  Stuck rig;
  rig.on_abort = kRefused;
  Counted stuck, younger, elsewhere;
  rig.submit(stuck);
  rig.settle();
  rig.pass(5s);
  elsewhere.command.lun = std::uint64_t{1} << 48;
  rig.submit(younger);
  rig.submit(elsewhere);
  rig.settle();
  rig.pass(rig.options.command_timeout - 5s + 10ms);
  CHECK(rig.functions == std::vector{TaskFunction::abort_task, TaskFunction::lun_reset});
  CHECK(stuck.command.error == Errc::timed_out);
  CHECK(younger.command.error == Errc::aborted_command);  // its sender may send it again
  CHECK(stuck.completions + younger.completions == 2);
  CHECK(elsewhere.completions == 0);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().all()[0]->channel.outstanding() == 1);
}

TEST_CASE("row 20: abort lost, reset lost, end of the connection: in this order, each step in its time") {
  Stuck rig;
  rig.on_abort = rig.on_reset = kLost;
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.expire();
  CHECK(rig.functions == std::vector{TaskFunction::abort_task});
  rig.pass(rig.step() - 20ms);
  CHECK(rig.functions.size() == 1);
  rig.pass(20ms);
  CHECK(rig.functions == std::vector{TaskFunction::abort_task, TaskFunction::lun_reset});
  rig.pass(rig.step() - 20ms);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(c.completions == 0);  // quarantined until now: the target could still write to its buffer
  rig.pass(20ms);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(c.completions == 1);
  CHECK(c.command.error == Errc::timed_out);
  CHECK(rig.functions.size() == 2);
}

TEST_CASE("row 20: a refused reset ends the connection at once") {
  Stuck rig;
  rig.on_abort = rig.on_reset = kRefused;
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.expire();
  CHECK(rig.functions == std::vector{TaskFunction::abort_task, TaskFunction::lun_reset});
  CHECK(rig.nexus->record().losses == 1);
  CHECK(c.command.error == Errc::timed_out);
}

TEST_CASE("row 20: a late answer to an abort is ignored") {
  Stuck rig;
  rig.on_abort = kLost;
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.expire();
  rig.pass(rig.step());
  REQUIRE(rig.functions.size() == 2);
  CHECK(c.completions == 1);
  wire::Response late;
  late.tag = 0xffffff00u;  // the tag of the abort: first slot, first use
  late.request_limit_delta = 1;
  late.flags = wire::kResponseDataValid;
  const std::array<std::byte, 4> result{};
  late.response_data = result;
  std::array<std::byte, 64> unit;
  rig.target->send_raw(std::span(unit).first(wire::encode(late, unit)));
  rig.settle();
  CHECK(c.completions == 1);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels().all()[0]->channel.counters().unknown_tags == 0);
}

TEST_CASE("row 13: a late answer to an aborted command completes nothing and is not a protocol error") {
  Stuck rig;
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.expire();
  REQUIRE(c.completions == 1);
  Counted next;  // uses the same slot
  rig.submit(next);
  rig.settle();
  wire::Response late;
  std::array<std::byte, 64> unit;
  for (int i = 0; i < 2; ++i) rig.target->send_raw(std::span(unit).first(wire::encode(late, unit)));
  rig.settle();
  CHECK(next.completions == 0);
  CHECK(rig.nexus->channels().all()[0]->channel.counters().unknown_tags == 1);  // one may come, not two
}

TEST_CASE("one credit is reserved for task management, so an abort is possible with a full queue") {
  target::TargetConfig config;
  config.request_limit = 4;
  Stuck rig({}, config);
  std::array<Counted, 5> stuck;
  for (auto& c : stuck) rig.submit(c);
  rig.settle();
  CHECK(rig.nexus->channels().all()[0]->channel.outstanding() == 3);
  rig.answer_again();
  rig.expire();
  CHECK(rig.functions.size() >= 3);
  CHECK(rig.nexus->record().losses == 0);
  for (auto& c : stuck) CHECK(c.completions == 1);
}

TEST_CASE(
    "credits that do not come back are noticed at the command deadline, and the connection is replaced") {
  target::TargetConfig config;
  config.request_limit = 2;
  Stuck rig({}, config);
  wire::Response without_credit;
  std::array<std::byte, 64> unit;
  const auto bytes = wire::encode(without_credit, unit);
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    without_credit.tag = info.tag;
    (void)wire::encode(without_credit, unit);
    return Outcome::answer_with({unit.begin(), unit.begin() + static_cast<std::ptrdiff_t>(bytes)});
  });
  Counted answered, starved;
  rig.submit(answered);
  rig.submit(starved);
  rig.settle();
  REQUIRE(answered.completions == 1);
  REQUIRE(starved.completions == 0);
  rig.answer_again();
  rig.expire();
  CHECK(starved.completions == 1);
  CHECK(starved.command.error == Errc::timed_out);
  CHECK(rig.nexus->record().losses == 1);
  rig.come_back();
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE("commands to a unit wait during its reset, commands to others are sent") {
  Stuck rig;
  rig.answer_again();
  rig.on_reset = kLost;
  UnitReset reset(rig.clock.now() + 2s);
  rig.nexus->submit(reset);
  rig.settle();
  REQUIRE(rig.functions.size() == 1);
  Counted same, other;
  other.command.lun = std::uint64_t{1} << 48;
  rig.submit(same);
  rig.submit(other);
  rig.settle();
  CHECK(same.completions == 0);
  CHECK(other.completions == 1);
  rig.pass(2s);
  CHECK(reset.completions == 1);
  CHECK(reset.error == Errc::timed_out);
  CHECK(same.completions == 1);
  CHECK(same.command.error == Errc::ok);
}

TEST_CASE("row 22: an operator's abort ends all of the unit's commands with cancelled") {
  target::TargetConfig config;
  config.request_limit = 4;
  Stuck rig({}, config);
  std::array<Counted, 6> stuck;
  for (auto& c : stuck) rig.submit(c);
  Counted other;
  other.command.lun = std::uint64_t{1} << 48;
  rig.submit(other);
  rig.settle();
  rig.nexus->abort_unit(0);
  rig.answer_again();
  rig.settle();
  for (auto& c : stuck) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::cancelled);
  }
  CHECK(other.completions == 1);
  CHECK(other.command.error == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("a task management function completes once, also when the session ends") {
  Stuck rig;
  rig.on_reset = kLost;
  UnitReset reset;
  rig.nexus->submit(reset);
  rig.settle();
  CHECK(reset.completions == 0);
  rig.nexus->disconnect();
  CHECK(reset.completions == 1);
  CHECK(reset.error == Errc::no_connect);
  rig.nexus->submit(reset);
  CHECK(reset.completions == 1);
  rig.settle();
  CHECK(reset.completions == 2);
}

TEST_CASE("a command that the target does not accept as a unit fails, even with status GOOD") {
  Stuck rig;
  wire::Response refused;
  std::array<std::byte, 4> result{{{}, {}, {}, std::byte{2}}};
  std::array<std::byte, 64> unit;
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    refused.tag = info.tag;
    refused.request_limit_delta = 1;
    refused.flags = wire::kResponseDataValid;
    refused.response_data = result;
    const auto bytes = wire::encode(refused, unit);
    return Outcome::answer_with({unit.begin(), unit.begin() + static_cast<std::ptrdiff_t>(bytes)});
  });
  Counted c;
  rig.submit(c);
  rig.settle();
  CHECK(c.completions == 1);
  CHECK(c.command.error == Errc::target_error);
}
