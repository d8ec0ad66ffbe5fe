// SPDX-License-Identifier: Apache-2.0
// A unit that is away fails its own I/O and comes back by itself. Here the tests determine the proof's
// result; lun/away_test.cpp tests the real proof.
#include <catch2/catch.hpp>

#include "channels_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using scsi::RetryClass;
using scsi::SenseKey;

namespace {

constexpr std::uint64_t kUnit0 = 0, kUnit1 = std::uint64_t{1} << 48;

target::TargetConfig two_units(target::TargetConfig config = {}) {
  config.luns.push_back({.number = 1, .bytes = 1 << 20, .name = "second"});
  return config;
}

// The session is live, and its login has found LUN 1 away.
struct AwayRig : Rig {
  explicit AwayRig(AwayUnit unit = {kUnit1, Errc::not_ready, RetryClass::none}, SessionOptions o = {},
                   target::TargetConfig config = two_units())
      : Rig(std::move(o), std::move(config)) {
    settle();
    proof.found_away = {unit};
    target->drop_connections();
    come_back();
    refuse(true);
  }
  // The target itself would give the same answer.
  void refuse(bool yes) {
    if (!yes) return target->set_command_hook({});
    target->set_command_hook([this](const target::CommandInfo& command) {
      if (command.lun != kUnit1) return Outcome{};
      ++asked;
      return Outcome::check_condition(SenseKey::not_ready, {0x04, 0x03});
    });
  }
  int asked = 0;
};

Errc outcome_at(Rig& rig, std::uint64_t lun) {
  Counted c;
  c.command.lun = lun;
  rig.submit(c);
  CHECK(c.completions == 0);
  rig.nexus->poll();
  rig.settle();
  CHECK(c.completions == 1);
  return c.command.error;
}

}  // namespace

TEST_CASE("row 36: I/O to a unit that is away fails at once with the unit's error, and I/O to others works") {
  AwayRig rig(
      {kUnit1, GENERATE(Errc::not_ready, Errc::no_such_lun, Errc::reservation_conflict), RetryClass::none});
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(outcome_at(rig, kUnit0) == Errc::ok);
  const auto commands = rig.target->counters().commands;
  CHECK(outcome_at(rig, kUnit1) == rig.proof.away_units[0].code);
  CHECK(rig.target->counters().commands == commands);  // the target was not bothered
  CHECK(outcome_at(rig, kUnit0) == Errc::ok);
}

TEST_CASE("a reason that passes by itself is answered in the unit's place, so the usual retry rules apply") {
  AwayRig rig(
      {kUnit1, Errc::not_ready, GENERATE(RetryClass::becoming_ready, RetryClass::busy, RetryClass::aborted)});
  Counted c;
  c.command.lun = kUnit1;
  rig.submit(c);
  rig.settle();
  CHECK(c.completions == 1);
  CHECK(c.command.error == Errc::ok);
  const auto sense = scsi::decode_sense({c.command.sense.data(), c.command.sense_bytes});
  const auto what = scsi::classify(c.command.status, sense ? &*sense : nullptr);
  CHECK(what.action == scsi::Action::retry_later);
  CHECK(what.event == scsi::Event::none);
  const bool becoming = rig.proof.away_units[0].retry == RetryClass::becoming_ready;
  CHECK(what.retry_class == (becoming ? RetryClass::becoming_ready : RetryClass::busy));
}

TEST_CASE("a unit that is away gets one TEST UNIT READY with growing delays, and no I/O is held for it") {
  SessionOptions options;
  options.reconnect_delay = 4000ms;
  AwayRig rig({kUnit1, Errc::no_such_lun, RetryClass::none}, options);
  const auto proofs = rig.proof.starts;
  CHECK_FALSE(rig.nexus->has_work());
  for (int i = 0; i < 600; ++i) rig.pass(100ms);
  CHECK(rig.asked >= 60 / 4);
  CHECK(rig.asked <= 60 / 3 + 8);
  CHECK(rig.proof.starts == proofs);
  CHECK(rig.nexus->record().losses == 1);
}

TEST_CASE("without automatic attempts a unit that is away is asked only by reconnect") {
  SessionOptions options;
  options.reconnect_delay.reset();
  Rig rig(options, two_units());
  rig.settle();
  rig.proof.found_away = {{kUnit1, Errc::not_ready, RetryClass::none}};
  rig.nexus->disconnect();
  rig.nexus->reconnect();
  rig.settle();
  const auto commands = rig.target->counters().commands;
  rig.options.keepalive.reset();
  for (int i = 0; i < 600; ++i) rig.pass(100ms);
  CHECK(rig.target->counters().commands == commands);
  CHECK(outcome_at(rig, kUnit1) == Errc::not_ready);
  rig.proof.found_away.emplace();
  rig.nexus->reconnect();
  rig.settle();
  CHECK(outcome_at(rig, kUnit1) == Errc::ok);
  CHECK(rig.nexus->record().connects == 2);
}

TEST_CASE("a unit that answers again is proved before its I/O goes on") {
  AwayRig rig;
  const auto proofs = rig.proof.starts;
  rig.refuse(false);
  const bool another = GENERATE(false, true);
  if (another)
    rig.proof.answer = Error{Errc::identity_mismatch, "another one"};
  else
    rig.proof.found_away.emplace();
  for (int i = 0; i < 200 && rig.proof.starts == proofs; ++i) rig.pass(100ms);
  CHECK(rig.proof.starts == proofs + 1);
  CHECK(rig.nexus->state() == (another ? State::stopped : State::live));
  CHECK(outcome_at(rig, kUnit1) == (another ? Errc::no_connect : Errc::ok));
  CHECK(rig.nexus->record().losses == (another ? 2 : 1));
}

TEST_CASE("row 36: a unit that went away with a write in doubt is fenced at its return, before its I/O") {
  Rig rig({}, two_units(with_ghosts()));
  rig.settle();
  Write old(*rig.nexus, 8, 'o'), recent(*rig.nexus, 8, 'n');
  old.counted.command.lun = recent.counted.command.lun = kUnit1;
  const auto on_disk = [&] { return static_cast<char>(rig.target->disk_bytes(1)[8 * 512]); };
  rig.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::hold_medium); });
  rig.submit(old);
  rig.settle();
  REQUIRE(rig.target->held() == 1);

  // The login finds the unit away, so it is not fenced, and the others do not wait for that.
  rig.target->set_command_hook([](const target::CommandInfo& command) {
    if (command.lun != kUnit1) return Outcome{};
    return Outcome::check_condition(SenseKey::illegal_request, {0x25, 0x00});
  });
  rig.proof.found_away = {{kUnit1, Errc::no_such_lun, RetryClass::none}};
  rig.target->drop_connections();
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.target->counters().task_management == 0);
  CHECK(rig.nexus->marks().contains(kUnit1));
  CHECK(outcome_at(rig, kUnit0) == Errc::ok);

  rig.target->set_command_hook({});
  rig.proof.found_away.emplace();
  for (int i = 0; i < 200 && !rig.nexus->marks().empty(); ++i) rig.pass(100ms);
  CHECK(rig.nexus->marks().empty());
  CHECK(rig.target->counters().task_management == 1);
  CHECK(rig.nexus->record().connects == 2);
  for (int tries = 0; tries < 3 && on_disk() != 'n'; ++tries) {
    rig.submit(recent);
    rig.settle();
  }
  REQUIRE(on_disk() == 'n');
  rig.target->release_held();
  rig.settle();
  CHECK(on_disk() == 'n');
}

TEST_CASE("a further channel joins without the units that are away") {
  SessionOptions options;
  options.channels = 2;
  Rig rig(options, two_units());
  rig.settle();
  REQUIRE(rig.nexus->channels().live().size() == 2);
  CHECK(rig.proof.confirmations == 1);
  rig.proof.found_away = {{kUnit1, Errc::not_ready, RetryClass::none}};
  rig.target->drop_connections();
  rig.come_back();
  CHECK(rig.nexus->channels().live().size() == 2);
  CHECK(rig.proof.confirmations == 2);
  CHECK(outcome_at(rig, kUnit1) == Errc::not_ready);
}

TEST_CASE("writes in doubt at a unit that is away fail with the unit's error; the unit is fenced later") {
  Channels rig(with_channels(2), two_units());
  Write write(*rig.nexus, 8, 'w');
  write.counted.command.lun = kUnit1;
  rig.keep(Outcome::Kind::hold_medium);
  rig.submit(write);
  rig.settle();
  REQUIRE(rig.tags.size() == 1);
  rig.proof.found_away = {{kUnit1, Errc::not_ready, RetryClass::none}};
  rig.target->send_async_event(0, scsi::make_sense(SenseKey::unit_attention, scsi::kCapacityChanged),
                               rig.target->channels()[0].number);
  rig.settle();
  REQUIRE(rig.proofs == 2);  // of the further channel's login, and this one
  CHECK(write.counted.completions == 0);
  rig.lose(channel_of(rig.tags[0]));
  rig.settle();
  CHECK(write.counted.completions == 1);
  CHECK(write.counted.command.error == Errc::not_ready);
  rig.pass(rig.quiet());
  CHECK(rig.functions.empty());
  CHECK(rig.nexus->marks().contains(kUnit1));

  rig.answer_again();
  rig.proof.found_away.emplace();
  for (int i = 0; i < 200 && !rig.nexus->marks().empty(); ++i) rig.pass(100ms);
  CHECK(rig.nexus->marks().empty());
  CHECK(rig.functions.size() >= 1);
  CHECK(outcome_at(rig, kUnit1) == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}
