// SPDX-License-Identifier: Apache-2.0
// Promise 4: after a reconnect no older write can overwrite a newer acknowledged one.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using target::Outcome;

namespace {

SessionOptions fenced(bool on) {
  SessionOptions options;
  options.fence = on;
  return options;
}

void hold_writes(Rig& rig) {
  rig.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::hold_medium); });
}

// An old write whose data the target has, a lost connection, a newer acknowledged write, and then the target
// applies the old one. Returns the contents of the disk.
char after_a_ghost_write(bool fence, bool by_administrator) {
  Rig rig(fenced(fence), with_ghosts());
  rig.settle();
  Write old(*rig.nexus, 8, 'o'), recent(*rig.nexus, 8, 'n');
  hold_writes(rig);
  rig.submit(old);
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  rig.target->set_command_hook({});

  if (by_administrator) {
    rig.nexus->disconnect();
    rig.nexus->reconnect();
  } else {
    rig.target->drop_connections();
  }
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(old.counted.completions == 1);
  CHECK(old.counted.command.error == Errc::no_connect);

  rig.submit(recent);
  rig.settle();
  // The first answer may be the reset's unit attention. The layer above would retry.
  if (recent.counted.command.status == scsi::Status::check_condition) {
    rig.submit(recent);
    rig.settle();
  }
  REQUIRE(recent.counted.command.status == scsi::Status::good);
  REQUIRE(rig.on_disk(8) == 'n');
  rig.target->release_held();
  rig.settle();
  CHECK(rig.nexus->marks().empty() == fence);
  return rig.on_disk(8);
}

}  // namespace

TEST_CASE(
    "row 23: ghost write: without the fence an old write overwrites a newer one, with the fence it does "
    "not") {
  const bool by_administrator = GENERATE(false, true);
  CHECK(after_a_ghost_write(false, by_administrator) == 'o');
  CHECK(after_a_ghost_write(true, by_administrator) == 'n');
}

TEST_CASE("only units with unanswered commands that may change the medium are reset after a login") {
  Rig rig;
  rig.settle();
  rig.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::lose_command); });
  Counted harmless;
  rig.submit(harmless);
  rig.settle();
  rig.target->set_command_hook({});
  rig.target->drop_connections();
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.target->counters().task_management == 0);

  Write answered(*rig.nexus, 0, 'a');
  rig.submit(answered);
  rig.settle();
  rig.target->drop_connections();
  rig.come_back();
  CHECK(rig.target->counters().task_management == 0);
}

TEST_CASE("a write that never left needs no fence") {
  Rig rig;
  rig.settle();
  Write w(*rig.nexus, 0, 'w');
  rig.submit(w);  // queued, not sent
  rig.nexus->disconnect();
  CHECK(w.counted.completions == 1);
  CHECK(rig.nexus->marks().empty());
}

TEST_CASE("no login succeeds and the mark stays until LUN RESET is answered with function complete") {
  Rig rig({}, with_ghosts());
  rig.settle();
  Write w(*rig.nexus, 0, 'w');
  hold_writes(rig);
  rig.submit(w);
  rig.settle();
  // The unit does not exist: the target answers its reset with "invalid fields".
  REQUIRE(rig.target->remove_lun(0).has_value());
  rig.target->drop_connections();
  rig.pass(10ms);
  for (int i = 0; i < 20; ++i) rig.pass(1s);
  CHECK(rig.nexus->state() == State::lost);
  CHECK(rig.nexus->record().last_error.code == Errc::target_error);
  CHECK(rig.nexus->record().last_error.detail.find("LOGICAL UNIT RESET") != std::string::npos);
  CHECK(rig.target->counters().task_management > 2);
  CHECK_FALSE(rig.nexus->marks().empty());
  CHECK(rig.nexus->record().connects == 1);
}

TEST_CASE("a target that never answers LUN RESET makes the attempt time out, but the session goes on") {
  Rig rig;
  rig.settle();
  Write w(*rig.nexus, 0, 'w');
  rig.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::lose_command); });
  rig.submit(w);
  rig.settle();
  rig.target->drop_connections();
  rig.target->set_task_hook([](const auto&) {
    return target::TaskOutcome{target::TaskOutcome::Kind::lose, {}};
  });
  rig.pass(10ms);
  rig.pass(rig.options.connect_timeout);
  CHECK(rig.nexus->state() == State::lost);
  CHECK(rig.nexus->record().last_error.code == Errc::connect_timed_out);
  rig.target->set_task_hook({});
  rig.come_back();
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->marks().empty());
}

TEST_CASE("fence_first_login ends the writes of an earlier session with the same port id") {
  const bool on = GENERATE(false, true);
  Rig rig({}, with_ghosts());
  rig.settle();
  Write old(*rig.nexus, 8, 'o');
  hold_writes(rig);
  rig.submit(old);
  rig.settle();
  rig.target->set_command_hook({});
  old.memory.reset();
  rig.options.fence_first_login = on;
  rig.nexus->erase();
  rig.nexus = std::make_unique<Nexus>(rig.fabric, Rig::address(), rig.options, rig.clock, base::Random(1),
                                      rig.proof, rig);
  rig.settle();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.target->counters().task_management == (on ? 1 : 0));
  rig.target->release_held();
  CHECK((rig.on_disk(8) == 'o') == !on);

  rig.target->drop_connections();  // once only
  rig.come_back();
  CHECK(rig.target->counters().task_management == (on ? 1 : 0));
}

TEST_CASE("every command that may change the medium counts as a write, unknown commands included") {
  CHECK(may_change_medium(scsi::write_blocks(0, 8, false)));
  CHECK(may_change_medium(scsi::write_same16(0, 8)));
  CHECK(may_change_medium(scsi::unmap(24)));
  scsi::Cdb unknown;
  unknown.bytes[0] = 0xd0;
  CHECK(may_change_medium(unknown));
  CHECK_FALSE(may_change_medium(scsi::read_blocks(0, 8, false)));
  CHECK_FALSE(may_change_medium(scsi::synchronize_cache10()));
  CHECK_FALSE(may_change_medium(scsi::test_unit_ready()));
}
