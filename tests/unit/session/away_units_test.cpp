// SPDX-License-Identifier: Apache-2.0
// The states of the session's units, without a target. The tests determine the results of proofs.
#include "session/away_units.hpp"

#include <catch2/catch.hpp>

#include "parts_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using UnitState = AwayUnits::State;
using Answer = ProvedUnit::Answer;
using Asks = ProofScope::Asks;
using scsi::RetryClass;

namespace {

struct Units : IdleChannels {
  // The result of a proof in which LUN 0 answers, for LUN 1.
  std::size_t proof_finds(Answer answer, Errc code = Errc::ok, RetryClass retry = RetryClass::none) {
    const std::array<ProvedUnit, 2> found{ProvedUnit{.lun = kLun0}, ProvedUnit{kLun1, answer, code, retry}};
    return units.update(found, marks, now());
  }
  FenceMarks marks;
  AwayUnits units{options, random};
};

bool left_out(const AwayUnits& units, Asks asks) { return units.scope(asks).left_out.contains(kLun1); }

}  // namespace

TEST_CASE("a unit that refuses is away: it is withheld, and only proofs of identity ask it") {
  Units rig;
  CHECK(rig.proof_finds(Answer::refused, Errc::not_ready) == 0);
  CHECK(rig.units.state(kLun1) == UnitState::away);
  CHECK(rig.units.any_withheld());
  CHECK_FALSE(left_out(rig.units, Asks::identity));
  CHECK_FALSE(left_out(rig.units, Asks::attentions));
  CHECK(left_out(rig.units, Asks::presence));
  CHECK(rig.units.next_question() > rig.now());
  CHECK(rig.units.next_question() < base::kNever);
  CHECK(rig.proof_finds(Answer::proved) == 1);
  CHECK(rig.units.state(kLun1) == UnitState::here);
  CHECK_FALSE(rig.units.any_withheld());
  CHECK(rig.units.next_question() == base::kNever);
}

TEST_CASE("the next proof leaves a silent unit out, and the unit is stuck then") {
  Units rig;
  rig.proof_finds(Answer::proved);
  rig.units.on_silence(kLun1);
  CHECK(rig.units.state(kLun1) == UnitState::silent);
  CHECK_FALSE(rig.units.any_withheld());
  for (const auto asks : {Asks::identity, Asks::presence, Asks::attentions}) CHECK(left_out(rig.units, asks));
  SECTION("it is left out") {
    rig.proof_finds(Answer::left_out, Errc::timed_out);
    CHECK(rig.units.state(kLun1) == UnitState::stuck);
    CHECK(rig.units.is_away(kLun1));
    CHECK(left_out(rig.units, Asks::identity));
  }
  SECTION("it answers after all") {
    CHECK(rig.proof_finds(Answer::proved) == 0);
    CHECK(rig.units.state(kLun1) == UnitState::here);
  }
}

TEST_CASE("the keepalive goes to a unit that is not stuck") {
  Units rig;
  rig.proof_finds(Answer::proved);
  CHECK(rig.units.keepalive_lun() == kLun0);
  rig.units.on_silence(kLun0);
  CHECK(rig.units.keepalive_lun() == kLun1);
}

TEST_CASE("units that keep logins waiting are asked in turn if no other unit answers") {
  Units rig;
  rig.proof_finds(Answer::proved);
  rig.units.on_silence_at_login(kLun0);
  rig.units.on_silence_at_login(kLun1);
  CHECK(rig.units.state(kLun0) == UnitState::silent);
  CHECK(rig.units.state(kLun1) == UnitState::silent);
  rig.units.on_silence_at_login(kLun0);
  CHECK(rig.units.state(kLun0) == UnitState::silent);
  CHECK(rig.units.state(kLun1) == UnitState::here);
}

TEST_CASE(
    "a marked unit that is back is withheld until it is fenced, and it is not fenced while it is away") {
  Units rig;
  rig.marks.mark(kLun1);
  rig.proof_finds(Answer::refused, Errc::not_ready);
  CHECK_FALSE(rig.units.next_to_fence(rig.marks));
  CHECK(rig.proof_finds(Answer::proved) == 1);
  CHECK(rig.units.state(kLun1) == UnitState::unfenced);
  CHECK(rig.units.any_withheld());
  CHECK(rig.units.next_to_fence(rig.marks) == kLun1);
  rig.units.on_fenced(kLun1);
  CHECK(rig.units.state(kLun1) == UnitState::here);
  CHECK_FALSE(rig.units.any_withheld());
}

TEST_CASE("without the fence, a unit that is back gets I/O at once") {
  Units rig;
  rig.options.fence = false;
  rig.marks.mark(kLun1);
  rig.proof_finds(Answer::refused, Errc::not_ready);
  rig.proof_finds(Answer::proved);
  CHECK(rig.units.state(kLun1) == UnitState::here);
}

TEST_CASE("commands for a withheld unit are answered in its place, those for others are not") {
  Units rig;
  auto command = a_read(kLun1), other = a_read(kLun0);
  SECTION("away for good: its reason") {
    rig.proof_finds(Answer::refused, Errc::no_such_lun);
    CHECK(rig.units.turn_away(command, rig.now()));
    CHECK(command.error == Errc::no_such_lun);
  }
  SECTION("what passes by itself: an answer that is retried") {
    rig.proof_finds(Answer::refused, Errc::busy, RetryClass::busy);
    CHECK(rig.units.turn_away(command, rig.now()));
    CHECK(command.error == Errc::ok);
    CHECK(command.status == scsi::Status::busy);
  }
  SECTION("back, and not fenced yet: busy") {
    rig.marks.mark(kLun1);
    rig.proof_finds(Answer::refused, Errc::no_such_lun);
    rig.proof_finds(Answer::proved);
    CHECK(rig.units.turn_away(command, rig.now()));
    CHECK(command.error == Errc::ok);
    CHECK(command.status == scsi::Status::busy);
  }
  CHECK_FALSE(rig.units.turn_away(other, rig.now()));
}

TEST_CASE("if no channel has room for a reset aside, no unit is stuck, and all must be proved") {
  Units rig;
  rig.proof_finds(Answer::proved);
  rig.units.on_silence(kLun1);
  rig.proof_finds(Answer::left_out, Errc::timed_out);
  CHECK(rig.units.ask_stuck(rig.channels, rig.now(), StuckResets::Why::time) == AwayUnits::Next::prove);
  CHECK(rig.units.state(kLun1) == UnitState::away);
  CHECK_FALSE(left_out(rig.units, Asks::identity));
}
