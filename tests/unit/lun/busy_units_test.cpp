// SPDX-License-Identifier: Apache-2.0
// Which units a poll visits: those that have something waiting, and no others.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using target::Outcome;

namespace {

void answer_reads(Rig& rig, Outcome outcome) {
  rig.target->set_command_hook([outcome](const target::CommandInfo& info) {
    return static_cast<scsi::Opcode>(info.cdb[0]) == scsi::Opcode::read_10 ? outcome : Outcome{};
  });
}

}  // namespace

TEST_CASE("a unit is busy from submit until its commands are at the target") {
  Rig rig;
  answer_reads(rig, Outcome::of(Outcome::Kind::hold));
  CHECK_FALSE(rig.busy_units.has_work());
  Io io(rig, IoOperation::read, 0);
  rig.units[1]->submit(io.request);
  CHECK(rig.busy_units.has_work());
  CHECK(rig.busy_units.issue() == 1);
  CHECK_FALSE(rig.busy_units.has_work());
  CHECK(rig.busy_units.poll() == 0);
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  rig.target->release_held();
  rig.settle();
  CHECK(io.request.status == Errc::ok);
}

TEST_CASE("a request that is decided without the target makes its unit busy until a poll completes it") {
  Rig rig;
  Io io(rig, IoOperation::read, 1 << 30);
  rig.units[0]->submit(io.request);
  CHECK(rig.busy_units.issue() == 0);
  CHECK(rig.busy_units.has_work());
  CHECK(rig.busy_units.poll() == 1);
  CHECK(io.request.status == Errc::out_of_range);
  CHECK_FALSE(rig.busy_units.has_work());
}

TEST_CASE("a unit that waits to send a command again has a deadline, and no work before it") {
  Rig rig;
  answer_reads(rig, Outcome::with_status(scsi::Status::busy));
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  const auto due = rig.busy_units.next_deadline();
  CHECK_FALSE(rig.busy_units.has_work());
  REQUIRE(due != base::kNever);
  CHECK(due > rig.clock.now());
  rig.target->set_command_hook({});
  rig.pass(due - rig.clock.now());
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.busy_units.next_deadline() == base::kNever);
}

TEST_CASE("a completion may submit to any unit, and a poll visits each once") {
  Rig rig;
  struct Endless {
    Rig& rig;
    Io io{rig, IoOperation::read, 1 << 30};  // out of range: completed by the poll itself
    int completions = 0;
  } endless{rig};
  endless.io.request.context = &endless;
  endless.io.request.on_complete = [](IoRequest& r) noexcept {
    auto& self = *static_cast<Endless*>(r.context);
    self.rig.units[static_cast<std::size_t>(++self.completions % 2)]->submit(r);
  };
  rig.units[0]->submit(endless.io.request);
  for (int polls = 1; polls <= 10; ++polls) {
    CHECK(rig.busy_units.poll() == 1);
    CHECK(endless.completions == polls);
  }
  endless.io.request.on_complete = [](IoRequest&) noexcept {};
  CHECK(rig.busy_units.poll() == 1);
}

TEST_CASE("the caller's fields of a request stay as they are while the session has it") {
  Rig rig;
  for (const auto operation : {IoOperation::flush, IoOperation::write}) {
    Io io(rig, operation, 8);
    io.request.force_unit_access = true;
    const auto on_complete = io.request.on_complete;
    rig.units[0]->submit(io.request);
    while (io.completions == 0) {
      CHECK(io.request.on_complete == on_complete);
      CHECK(io.request.operation == operation);
      rig.turn();
    }
    CHECK(io.request.status == Errc::ok);
    CHECK(io.request.operation == operation);
  }
}
