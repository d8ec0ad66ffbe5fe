// SPDX-License-Identifier: Apache-2.0
// An operator's abort and reset, and what a reset means for the requests under way.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using target::Outcome;
using target::TaskOutcome;
using wire::TaskFunction;

namespace {

struct Asked : TaskRequest {
  Asked() {
    context = this;
    on_complete = [](TaskRequest& r) noexcept { ++static_cast<Asked*>(r.context)->completions; };
  }
  int completions = 0;
};

void keep(Rig& rig, Outcome::Kind kind) {
  rig.target->set_command_hook([kind](const auto&) { return Outcome::of(kind); });
}

}  // namespace

TEST_CASE(
    "an operator's LUN reset: the unit's requests are sent again and succeed, others are not affected") {
  Rig rig;
  keep(rig, Outcome::Kind::hold);
  Io write(rig, IoOperation::write, 8, 'w'), read(rig, IoOperation::read, 64),
      other(rig, IoOperation::read, 0);
  rig.units[0]->submit(write.request);
  rig.units[0]->submit(read.request);
  rig.units[1]->submit(other.request);
  rig.settle();
  REQUIRE(rig.target->held() == 3);
  rig.target->set_command_hook({});
  Asked reset;
  rig.units[0]->reset(reset);
  CHECK(reset.completions == 0);
  rig.settle();
  CHECK(reset.completions == 1);
  CHECK(reset.status == Errc::ok);
  CHECK(write.completions == 1);
  CHECK(write.request.status == Errc::ok);
  CHECK(read.completions == 1);
  CHECK(read.request.status == Errc::ok);
  CHECK(rig.target->disk_bytes(0)[8 * 512] == std::byte{'w'});
  CHECK(other.completions == 0);
  rig.target->release_held();
  rig.settle();
  CHECK(other.request.status == Errc::ok);
}

TEST_CASE("a reset for one command delays the unit's other commands, but does not fail them") {
  Rig rig;
  rig.target->set_task_hook([](const wire::TaskManagement& t) {
    return t.function == TaskFunction::abort_task
               ? TaskOutcome{TaskOutcome::Kind::answer, wire::TaskResult::failed}
               : TaskOutcome{};
  });
  keep(rig, Outcome::Kind::lose_command);
  Io stuck(rig, IoOperation::write, 0, 's'), neighbour(rig, IoOperation::write, 8, 'n');
  rig.units[0]->submit(stuck.request);
  rig.settle();
  rig.pass(5s);
  rig.units[0]->submit(neighbour.request);
  rig.settle();
  rig.target->set_command_hook({});
  rig.pass(rig.options.command_timeout - 5s + 10ms);
  CHECK(stuck.request.status == Errc::timed_out);
  CHECK(neighbour.request.status == Errc::ok);
  CHECK(stuck.completions + neighbour.completions == 2);
  CHECK(rig.target->disk_bytes(0)[8 * 512] == std::byte{'n'});
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("a request that is ended by resets again and again ends at its deadline") {
  Rig rig;
  keep(rig, Outcome::Kind::lose_command);
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  for (int i = 0; i < 30 && io.completions == 0; ++i) {
    Asked reset;
    rig.units[0]->reset(reset);
    rig.pass(500ms);
    REQUIRE(reset.completions == 1);
  }
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::timed_out);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("an operator's abort: all earlier requests end with cancelled, later ones succeed") {
  SessionOptions options;
  options.queue_depth = 4;  // some wait for a command
  Rig rig(options);
  keep(rig, Outcome::Kind::lose_command);
  std::vector<std::unique_ptr<Io>> before;
  for (int i = 0; i < 10; ++i) {
    before.push_back(std::make_unique<Io>(rig, IoOperation::read, 8 * i));
    rig.units[0]->submit(before.back()->request);
  }
  rig.settle();
  REQUIRE(rig.nexus->channels().all()[0]->channel.outstanding() == 4);
  Asked first, second;
  rig.units[0]->abort(first);
  rig.units[0]->abort(second);
  CHECK(first.completions == 0);
  rig.target->set_command_hook({});
  rig.settle();
  CHECK(first.completions == 1);
  CHECK(second.completions == 1);
  CHECK(first.status == Errc::ok);
  for (const auto& io : before) {
    CHECK(io->completions == 1);
    CHECK(io->request.status == Errc::cancelled);
  }
  Io after(rig, IoOperation::read, 0);
  rig.units[0]->submit(after.request);
  rig.settle();
  CHECK(after.request.status == Errc::ok);
}

TEST_CASE("an abort ends requests that wait for a retry, and the abort of an idle unit completes at once") {
  Rig rig;
  rig.target->set_command_hook([](const auto&) { return Outcome::with_status(scsi::Status::busy); });
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  REQUIRE(io.completions == 0);
  Asked abort, idle;
  rig.units[0]->abort(abort);
  rig.units[1]->abort(idle);
  rig.settle();
  CHECK(io.request.status == Errc::cancelled);
  CHECK(abort.completions == 1);
  CHECK(idle.completions == 1);
  CHECK(rig.target->counters().task_management == 0);
}

TEST_CASE("a reset that is refused, not answered or requested without a live session fails with the reason") {
  Rig rig;
  TaskOutcome outcome;
  rig.target->set_task_hook([&](const auto&) { return outcome; });
  const auto ask = [&] {
    Asked reset;
    rig.units[0]->reset(reset);
    rig.settle();
    if (reset.completions == 0) rig.pass(rig.options.task_management_timeout);
    CHECK(reset.completions == 1);
    return reset.status;
  };
  CHECK(ask() == Errc::ok);
  outcome = {TaskOutcome::Kind::answer, wire::TaskResult::failed};
  CHECK(ask() == Errc::target_error);
  outcome = {TaskOutcome::Kind::answer, wire::TaskResult::not_supported};
  CHECK(ask() == Errc::not_supported);
  outcome = {TaskOutcome::Kind::lose, {}};
  CHECK(ask() == Errc::timed_out);
  CHECK(rig.nexus->record().losses == 0);
  rig.nexus->disconnect();
  CHECK(ask() == Errc::no_connect);
}

TEST_CASE("a disconnect ends an abort with no_connect, once") {
  Rig rig;
  rig.target->set_task_hook([](const auto&) { return TaskOutcome{TaskOutcome::Kind::lose, {}}; });
  keep(rig, Outcome::Kind::lose_command);
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  Asked abort;
  rig.units[0]->abort(abort);
  rig.settle();
  CHECK(abort.completions == 0);
  rig.nexus->disconnect();
  rig.settle();
  CHECK(abort.completions == 1);
  CHECK(io.completions == 1);
}
