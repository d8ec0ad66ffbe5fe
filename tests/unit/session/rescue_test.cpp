// SPDX-License-Identifier: Apache-2.0
// Commands that are not answered in time: abort, then reset, then the end of the connection.
#include <array>
#include <catch2/catch.hpp>
#include <deque>

#include "rig.hpp"
#include "wire/response.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using target::Outcome;
using target::TaskOutcome;
using wire::TaskFunction;

namespace {

// A rig whose target keeps commands, and keeps a record of the functions it is asked for.
struct Stuck : Rig {
  explicit Stuck(SessionOptions o = {}, target::TargetConfig c = {}) : Rig(std::move(o), std::move(c)) {
    settle();
    target->set_task_hook([this](const wire::TaskManagement& t) {
      functions.push_back(t.function);
      return t.function == TaskFunction::abort_task ? on_abort : on_reset;
    });
    keep(Outcome::Kind::lose_command);
  }
  void keep(Outcome::Kind kind) {
    target->set_command_hook([kind](const auto&) { return Outcome::of(kind); });
  }
  void answer_again() { target->set_command_hook({}); }
  void expire() { pass(options.command_timeout + 10ms); }
  [[nodiscard]] base::Duration step() const { return options.task_management_timeout; }

  std::vector<TaskFunction> functions;
  TaskOutcome on_abort, on_reset;
};

}  // namespace

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

TEST_CASE("row 18: many expired commands are aborted one after the other") {
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

TEST_CASE(
    "row 19: completion races abort: the answer that was first counts, and the refused abort changes "
    "nothing") {
  Stuck rig;
  rig.keep(Outcome::Kind::hold);
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.clock.advance(rig.options.command_timeout + 10ms);
  rig.nexus->poll();  // ABORT TASK is on its way
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
  CHECK(younger.command.error == Errc::aborted_command);  // whoever sent it may send it again
  CHECK(stuck.completions + younger.completions == 2);
  CHECK(elsewhere.completions == 0);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().all()[0]->channel.outstanding() == 1);
}

TEST_CASE("row 20: abort lost, reset lost, then the connection ends: in this order, each step in its time") {
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

TEST_CASE("row 20: an abort that is answered too late does no harm") {
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
  late.tag = 0xffffff00u;  // the abort's: first slot, first use
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

TEST_CASE(
    "row 13: an aborted command's answer that comes after all completes nothing and is no protocol error") {
  Stuck rig;
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.expire();
  REQUIRE(c.completions == 1);
  Counted next;  // takes the same slot
  rig.submit(next);
  rig.settle();
  wire::Response late;
  std::array<std::byte, 64> unit;
  for (int i = 0; i < 2; ++i) rig.target->send_raw(std::span(unit).first(wire::encode(late, unit)));
  rig.settle();
  CHECK(next.completions == 0);
  CHECK(rig.nexus->channels().all()[0]->channel.counters().unknown_tags == 1);  // one may come, not two
}

TEST_CASE("one credit is kept for task management: an abort is possible at a full queue") {
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
    "credits that never come back are noticed by the command deadline, and the connection is replaced") {
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

TEST_CASE("commands to a unit that is being reset wait, those to others go") {
  Stuck rig;
  rig.answer_again();
  rig.on_reset = kLost;
  Tmf reset;
  reset.deadline = rig.clock.now() + 2s;
  reset.on_complete = [](Tmf& t) noexcept { t.owner = nullptr; };
  reset.owner = &rig;
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
  CHECK(reset.owner == nullptr);
  CHECK(reset.error == Errc::timed_out);
  CHECK(same.completions == 1);
  CHECK(same.command.error == Errc::ok);
}

TEST_CASE("row 22: an operator's abort ends all of the unit's commands with cancelled, wherever they are") {
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

TEST_CASE("a keepalive that is not answered ends the connection; nobody's commands are reset for it") {
  Stuck rig;
  rig.pass(*rig.options.keepalive + 10ms);
  rig.expire();
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.functions.empty());
}

TEST_CASE(
    "what an adapter acknowledges is no answer of the target's: a hung one has its connection ended in "
    "time") {
  const auto commands =
      GENERATE(range(0, 32));  // with one of them the keepalive is the send that is acknowledged
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
    "row 2: a target that owes answers and says nothing is asked whether it is there, in time for promise "
    "2") {
  Stuck rig;
  const auto sent = [&] { return rig.target->counters().commands; };
  Counted stuck;
  rig.submit(stuck);
  rig.settle();
  rig.pass(5ms);  // a look at what is due
  const auto before = sent();
  CHECK(rig.nexus->next_deadline() <= rig.clock.now() + SessionOptions::kAnswersAwaited);
  rig.pass(SessionOptions::kAnswersAwaited - 10ms);
  CHECK(sent() == before);
  rig.answer_again();
  rig.pass(20ms);
  CHECK(sent() == before + 1);
  // It has answered that one: again only after the same silence.
  rig.pass(SessionOptions::kAnswersAwaited - 10ms);
  CHECK(sent() == before + 1);
  rig.pass(20ms);
  CHECK(sent() == before + 2);
  CHECK(stuck.completions == 0);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("row 2: it is asked also where it has as many commands as it may have, or as it has credits for") {
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
  // The next in the queue gets nothing of what is kept back.
  rig.pass(SessionOptions::kAnswersAwaited + 10ms);
  CHECK(rig.target->counters().commands == before + 1);
  // And without an answer it is still there for the commands' rescue.
  rig.expire();
  rig.pass(rig.options.command_timeout);
  for (const auto& c : stuck) CHECK(c.completions == 1);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("a keepalive that is not answered while others are is aborted: the session and their units stay") {
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

TEST_CASE("a function is over once, also when the session ends under it") {
  Stuck rig;
  rig.on_reset = kLost;
  int completions = 0;
  Tmf reset;
  reset.owner = &completions;
  reset.on_complete = [](Tmf& t) noexcept { ++*static_cast<int*>(t.owner); };
  rig.nexus->submit(reset);
  rig.settle();
  CHECK(completions == 0);
  rig.nexus->disconnect();
  CHECK(completions == 1);
  CHECK(reset.error == Errc::no_connect);
  rig.nexus->submit(reset);
  CHECK(completions == 1);
  rig.settle();
  CHECK(completions == 2);
}

TEST_CASE("a command that the target refuses as a unit is no success, whatever its status says") {
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
