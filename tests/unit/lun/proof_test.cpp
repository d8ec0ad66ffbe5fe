// SPDX-License-Identifier: Apache-2.0
// The session proves its units again while it is live. I/O waits for the proof.
#include <catch2/catch.hpp>
#include <utility>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::SenseKey;
using target::Outcome;

namespace {

constexpr scsi::AdditionalSense kCapacityChanged{0x2a, 0x09};

// The next commands of that kind get `outcome`, others their own answer.
void answer(Rig& rig, scsi::Opcode opcode, Outcome outcome, int times = 1) {
  rig.target->set_command_hook([=, left = times](const target::CommandInfo& info) mutable {
    return static_cast<scsi::Opcode>(info.cdb[0]) == opcode && left-- > 0 ? outcome : Outcome{};
  });
}

}  // namespace

TEST_CASE("a unit that is busy for a moment is asked again, and the session stays live") {
  const auto outcome = GENERATE(as<Outcome>{}, Outcome::with_status(scsi::Status::busy),
                                Outcome::with_status(scsi::Status::task_set_full),
                                Outcome::check_condition(SenseKey::not_ready, {0x04, 0x01}));
  Rig rig;
  REQUIRE(rig.target->raise_attention(0, kCapacityChanged).has_value());
  answer(rig, scsi::Opcode::test_unit_ready, outcome, 3);
  Io io(rig, IoOperation::read, 0), other(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  rig.units[1]->submit(other.request);
  rig.settle();
  CHECK(io.completions + other.completions == 0);
  // Nothing to do before the next try, and the sleep is no longer than that.
  CHECK_FALSE(rig.nexus->has_work());
  CHECK(rig.nexus->next_deadline() <= rig.clock.now() + 100ms);
  rig.pass_in_steps(1s);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.proofs <= 2);  // one of them may have been away meanwhile
  for (const auto* i : {&io, &other}) {
    CHECK(i->completions == 1);
    CHECK(i->request.status == Errc::ok);
  }
}

TEST_CASE("a unit that is not ready within connect_timeout ends the connection with its own error") {
  Rig rig;
  REQUIRE(rig.target->raise_attention(0, kCapacityChanged).has_value());
  answer(rig, scsi::Opcode::test_unit_ready, Outcome::check_condition(SenseKey::not_ready, {0x04, 0x01}),
         1 << 20);
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  rig.pass_in_steps(rig.options.connect_timeout - 200ms);
  CHECK(rig.nexus->record().losses == 0);
  rig.pass_in_steps(300ms);
  CHECK(rig.nexus->record().losses == 1);
  const auto why = rig.nexus->record().last_error.message();
  INFO(why);
  CHECK(why.find("becoming ready") != std::string::npos);
  CHECK(io.completions == 1);
}

TEST_CASE("an operator's abort does not end the proof's commands") {
  Rig rig;
  REQUIRE(rig.target->raise_attention(0, kCapacityChanged).has_value());
  Io io(rig, IoOperation::read, 0), other(rig, IoOperation::read, 0);
  answer(rig, scsi::Opcode::inquiry, Outcome::of(Outcome::Kind::hold));
  rig.units[0]->submit(io.request);
  rig.settle();
  rig.units[1]->submit(other.request);
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  TaskRequest abort;
  abort.on_complete = [](TaskRequest&) noexcept {};
  rig.units[0]->abort(abort);
  rig.settle();
  CHECK(io.request.status == Errc::cancelled);
  CHECK(other.completions == 0);
  rig.target->release_held();
  rig.settle();
  CHECK(rig.nexus->record().losses == 0);
  CHECK(other.request.status == Errc::ok);
}

TEST_CASE("a proof asks several units at the same time") {
  Rig rig;
  REQUIRE(rig.target->raise_attention(0, kCapacityChanged).has_value());
  answer(rig, scsi::Opcode::inquiry, Outcome::of(Outcome::Kind::hold), 2);
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  CHECK(rig.target->held() == 2);  // of each unit the first question
  CHECK(io.completions == 0);
  rig.target->release_held();
  rig.settle();
  CHECK(rig.proofs == 1);
  CHECK(io.request.status == Errc::ok);
}
