// SPDX-License-Identifier: Apache-2.0
// What one unit refuses to say does not keep the others: it is away until it answers again.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::SenseKey;
using target::Outcome;

namespace {

// LUN 1, or all of them, answers everything with this from now on.
void refuse(Rig& rig, Outcome outcome, bool all = false) {
  rig.target->set_command_hook(
      [=](const target::CommandInfo& command) { return all || command.lun == kLun1 ? outcome : Outcome{}; });
}

void answer_again(Rig& rig) { rig.target->set_command_hook({}); }

void lose_and_come_back(Rig& rig) {
  rig.target->drop_connections();
  rig.settle();
  rig.come_back();
}

Errc read_of(Rig& rig, std::size_t unit, base::Duration within = {}) {
  Io io(rig, IoOperation::read, 0);
  rig.units[unit]->submit(io.request);
  rig.settle();
  if (within.count() > 0) rig.pass_in_steps(within, 100ms);
  CHECK(io.completions == 1);
  return io.request.status;
}

}  // namespace

TEST_CASE(
    "row 36: a login succeeds without a unit that refuses to identify itself, and the unit's I/O fails with "
    "the reason") {
  struct Refusal {
    Outcome outcome;
    Errc code;
  };
  const auto refusal = GENERATE(
      Refusal{Outcome::check_condition(SenseKey::illegal_request, {0x25, 0x00}), Errc::no_such_lun},
      Refusal{Outcome::check_condition(SenseKey::not_ready, {0x04, 0x03}), Errc::not_ready},
      Refusal{Outcome::check_condition(SenseKey::not_ready, {0x3a, 0x00}), Errc::not_ready},
      Refusal{Outcome::check_condition(SenseKey::hardware_error, {0x44, 0x00}), Errc::hardware_error},
      Refusal{Outcome::with_status(scsi::Status::reservation_conflict), Errc::reservation_conflict});
  Rig rig;
  refuse(rig, refusal.outcome);
  lose_and_come_back(rig);
  REQUIRE(rig.nexus->state() == session::State::live);
  const auto& away = rig.proof.units()[1].info.away;
  CHECK(away.code == refusal.code);
  INFO(away.message());
  CHECK(away.message().find("LUN 1 answers") != std::string::npos);
  CHECK(rig.proof.units()[1].info.blocks == Rig::kDiskBytes / 512);  // as it was
  CHECK(rig.proof.units()[0].info.away.code == Errc::ok);
  CHECK(read_of(rig, 0) == Errc::ok);
  CHECK(read_of(rig, 1) == refusal.code);

  answer_again(rig);
  rig.pass_in_steps(25s, 100ms);
  CHECK(read_of(rig, 1) == Errc::ok);
  CHECK(rig.proof.units()[1].info.away.code == Errc::ok);
  CHECK(rig.nexus->record().losses == 1);
}

TEST_CASE(
    "a removed unit is away also without a report of the target, and a different unit in its place is "
    "refused") {
  Rig rig;
  REQUIRE(rig.target->remove_lun(1).has_value());
  rig.target->set_command_hook([](const target::CommandInfo& command) {
    return command.lun == kLun1 ? Outcome::check_condition(SenseKey::illegal_request, {0x25, 0x00})
                                : Outcome{};
  });
  CHECK(read_of(rig, 1) == Errc::no_such_lun);
  CHECK(rig.nexus->state() == session::State::live);
  CHECK(rig.proof.units()[1].info.away.code == Errc::no_such_lun);
  CHECK(read_of(rig, 0) == Errc::ok);

  REQUIRE(rig.target->add_lun({.number = 1, .bytes = Rig::kDiskBytes, .name = "another"}).has_value());
  answer_again(rig);
  for (int i = 0; i < 300; ++i) rig.pass(100ms);
  CHECK(rig.nexus->state() == session::State::live);
  CHECK(rig.proof.units()[1].info.away.code == Errc::identity_mismatch);
  CHECK(read_of(rig, 1) == Errc::identity_mismatch);
  CHECK(read_of(rig, 0) == Errc::ok);

  // The same unit again.
  REQUIRE(rig.target->rename(1, "rig1").has_value());
  for (int i = 0; i < 300; ++i) rig.pass(100ms);
  CHECK(read_of(rig, 1) == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("a unit that shrank is away until it has its old size again, live and after a login") {
  for (const bool live : {true, false}) {
    Rig rig;
    REQUIRE(rig.target->resize(1, Rig::kDiskBytes / 2).has_value());
    if (live)
      (void)read_of(rig, 1);
    else
      lose_and_come_back(rig);
    CHECK(rig.nexus->state() == session::State::live);
    CHECK(rig.proof.units()[1].info.away.code == Errc::identity_mismatch);
    CHECK(rig.proof.units()[1].info.away.detail.find("the capacity has shrunk") != std::string::npos);
    CHECK(rig.proof.units()[1].info.blocks == Rig::kDiskBytes / 512);
    CHECK(read_of(rig, 1) == Errc::identity_mismatch);
    CHECK(read_of(rig, 0) == Errc::ok);
    REQUIRE(rig.target->resize(1, Rig::kDiskBytes).has_value());
    for (int i = 0; i < 300; ++i) rig.pass(100ms);
    CHECK(read_of(rig, 1) == Errc::ok);
  }
}

TEST_CASE("a session none of whose units is the same one stops, unless one of them may be the same later") {
  for (const bool hope : {false, true}) {
    Rig rig;
    REQUIRE(rig.target->rename(0, "another").has_value());
    REQUIRE(rig.target->rename(1, "another").has_value());
    if (hope) refuse(rig, Outcome::check_condition(SenseKey::not_ready, {0x04, 0x03}));
    rig.target->drop_connections();
    for (int i = 0; i < 20; ++i) rig.pass(100ms);
    CHECK(rig.nexus->state() == (hope ? session::State::lost : session::State::stopped));
    CHECK(rig.nexus->record().last_error.code == (hope ? Errc::not_ready : Errc::identity_mismatch));
  }
}

TEST_CASE(
    "a unit in standby, unavailable, offline or in transition is away with that, and comes back by itself") {
  for (const std::uint8_t state : {0x0a, 0x0b, 0x0c, 0x12}) {
    Rig rig;
    refuse(rig, Outcome::check_condition(SenseKey::not_ready, {0x04, state}));
    lose_and_come_back(rig);
    REQUIRE(rig.nexus->state() == session::State::live);
    CHECK(rig.proof.units()[1].info.away.code == Errc::not_ready);
    CHECK(read_of(rig, 0) == Errc::ok);
    answer_again(rig);
    rig.pass_in_steps(40s, 100ms);
    CHECK(rig.proof.units()[1].info.away.code == Errc::ok);
    CHECK(read_of(rig, 1) == Errc::ok);
  }
}

TEST_CASE("I/O waits for a unit that is becoming ready, while the others go on") {
  Rig rig;
  refuse(rig, Outcome::check_condition(SenseKey::not_ready, {0x04, 0x01}));
  lose_and_come_back(rig);
  REQUIRE(rig.nexus->state() == session::State::live);
  for (std::size_t i = 0; i < 2; ++i) rig.units[i]->update(rig.proof.units()[i]);
  Io io(rig, IoOperation::read, 0), flush(rig, IoOperation::flush, 0);
  rig.units[1]->submit(io.request);
  rig.units[1]->submit(flush.request);
  rig.pass_in_steps(3s, 20ms);
  CHECK(io.completions + flush.completions == 0);
  CHECK(read_of(rig, 0) == Errc::ok);
  answer_again(rig);
  rig.pass_in_steps(15s, 20ms);
  for (const auto* i : {&io, &flush}) {
    CHECK(i->completions == 1);
    CHECK(i->request.status == Errc::ok);
  }
}

TEST_CASE("a session whose units are all away is not live and keeps trying") {
  Rig rig;
  refuse(rig, Outcome::check_condition(SenseKey::illegal_request, {0x25, 0x00}), true);
  rig.target->drop_connections();
  for (int i = 0; i < 50; ++i) rig.pass(100ms);
  CHECK(rig.nexus->state() == session::State::lost);
  CHECK(rig.nexus->record().last_error.code == Errc::no_such_lun);
  answer_again(rig);
  rig.come_back();
  CHECK(rig.nexus->state() == session::State::live);
  CHECK(read_of(rig, 0) == Errc::ok);
  CHECK(read_of(rig, 1) == Errc::ok);
}

TEST_CASE("a flush of a unit that is away fails, also without a volatile cache") {
  Rig rig;
  refuse(rig, Outcome::check_condition(SenseKey::not_ready, {0x04, 0x03}));
  lose_and_come_back(rig);
  for (std::size_t i = 0; i < 2; ++i) rig.units[i]->update(rig.proof.units()[i]);
  Io flush(rig, IoOperation::flush, 0);
  rig.units[1]->submit(flush.request);
  rig.settle();
  CHECK(flush.completions == 1);
  CHECK(flush.request.status == Errc::not_ready);
}

TEST_CASE("writes in progress end once when their unit goes away, and the session stays live") {
  Rig rig;
  rig.target->set_command_hook([](const target::CommandInfo& command) {
    return command.lun == kLun1 ? Outcome::of(Outcome::Kind::hold) : Outcome{};
  });
  Io under_way(rig, IoOperation::write, 8, 'a'), waiting(rig, IoOperation::write, 16, 'b');
  rig.units[1]->submit(under_way.request);
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  refuse(rig, Outcome::check_condition(SenseKey::not_ready, {0x04, 0x03}));
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x0e}).has_value());  // REPORTED LUNS DATA HAS CHANGED
  CHECK(read_of(rig, 0) == Errc::ok);
  CHECK(rig.proof.units()[1].info.away.code == Errc::not_ready);
  rig.units[1]->submit(waiting.request);
  rig.settle();
  CHECK(waiting.completions == 1);
  CHECK(waiting.request.status == Errc::not_ready);
  rig.target->release_held();
  rig.settle();
  CHECK(under_way.completions == 1);
  CHECK(under_way.request.status == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}
