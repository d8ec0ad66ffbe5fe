// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"

namespace srpi::target::test {

using wire::TaskFunction;
using wire::TaskResult;

namespace {
struct Tasks : Rig {
  explicit Tasks(TargetConfig config = small_config()) : Rig(std::move(config)) {}
  Initiator i{*this};
  void hold(Outcome::Kind kind = Outcome::Kind::hold) {
    target->set_command_hook([kind](const CommandInfo&) { return Outcome::of(kind); });
  }
  void hold_nothing() { target->set_command_hook({}); }
  std::uint64_t send(const scsi::Cdb& cdb, std::uint32_t lun = 0) { return i.send(i.command(cdb, lun)); }
  TaskResult ask(Initiator& who, TaskFunction function, std::uint32_t lun = 0, std::uint64_t tag = 0) {
    const auto own_tag = who.send(function, lun, tag);
    return who.answer_to(own_tag).response().task_result().value();
  }
};
}  // namespace

TEST_CASE("ABORT TASK ends a command without an answer, and its credit is returned") {
  Tasks f;
  const auto kind = GENERATE(Outcome::Kind::hold, Outcome::Kind::lose_command, Outcome::Kind::lose_response);
  f.hold(kind);
  const auto tag = f.send(scsi::test_unit_ready());
  CHECK_FALSE(f.i.next());
  CHECK(f.ask(f.i, TaskFunction::abort_task, 0, tag) == TaskResult::complete);
  CHECK(f.i.credits == 8);
  CHECK(f.target->release_held() == 0);
  CHECK_FALSE(f.i.next());
  CHECK(f.ask(f.i, TaskFunction::abort_task, 0, tag) == TaskResult::failed);
  CHECK(f.i.credits == 8);
}

TEST_CASE("ABORT TASK fails for a command that is done, unknown or of another LUN") {
  Tasks f;
  const auto tag = f.send(scsi::test_unit_ready());
  CHECK(f.i.answer_to(tag).status() == 0);
  CHECK(f.ask(f.i, TaskFunction::abort_task, 0, tag) == TaskResult::failed);
  CHECK(f.ask(f.i, TaskFunction::abort_task, 0, 4711) == TaskResult::failed);
  f.hold();
  const auto held = f.send(scsi::test_unit_ready(), 1);
  CHECK(f.ask(f.i, TaskFunction::abort_task, 0, held) == TaskResult::failed);
  CHECK(f.ask(f.i, TaskFunction::abort_task, 1, held) == TaskResult::complete);
}

TEST_CASE("an initiator can abort only its own commands, even with equal tags") {
  Tasks f;
  Initiator other(f, {.initiator = initiator_port(2)});
  f.hold();
  const auto tag = f.send(scsi::test_unit_ready());
  CHECK(f.ask(other, TaskFunction::abort_task, 0, tag) == TaskResult::failed);
  CHECK(f.ask(other, TaskFunction::abort_task_set) == TaskResult::complete);
  CHECK(f.target->release_held() == 1);
  CHECK(f.i.answer_to(tag).status() == 0);
}

TEST_CASE("an abort over another channel of the session works") {
  Tasks f;
  Initiator second(f, {.multichannel = wire::MultiChannel::independent});
  f.hold();
  const auto tag = f.send(scsi::test_unit_ready());
  CHECK(f.ask(second, TaskFunction::abort_task, 0, tag) == TaskResult::complete);
  CHECK(f.target->held() == 0);
  f.hold_nothing();
  CHECK(f.i.run(scsi::test_unit_ready()).status() == 0);
  CHECK(f.i.credits == 8);  // the aborted command's credit came with this answer
}

TEST_CASE("LUN RESET ends the commands of all sessions on the unit and raises unit attentions") {
  Tasks f;
  Initiator other(f, {.initiator = initiator_port(2)});
  f.hold();
  f.send(scsi::test_unit_ready());
  const auto elsewhere = f.send(scsi::test_unit_ready(), 1);
  other.send(other.command(scsi::test_unit_ready()));
  f.pump();
  f.hold_nothing();
  CHECK(f.target->held() == 3);
  CHECK(f.ask(f.i, TaskFunction::lun_reset) == TaskResult::complete);
  CHECK(f.target->held() == 1);
  CHECK(f.target->release_held() == 1);
  CHECK(f.i.answer_to(elsewhere).status() == 0);
  CHECK(f.i.run(scsi::test_unit_ready()).is(scsi::SenseKey::unit_attention, scsi::kBusDeviceReset));
  CHECK(other.run(scsi::test_unit_ready()).is(scsi::SenseKey::unit_attention, scsi::kBusDeviceReset));
  CHECK(other.run(scsi::test_unit_ready(), 0, 0, 1).status() == 0);
  CHECK(other.credits == 8);
}

TEST_CASE("LUN RESET ends the commands of the initiator's other channels without an answer") {
  auto config = small_config();
  config.channels_are_sessions = GENERATE(false, true);
  Tasks f(config);
  Initiator second(f, {.multichannel = wire::MultiChannel::independent});
  f.hold();
  second.send(second.command(scsi::test_unit_ready()));
  f.pump();
  REQUIRE(f.target->held() == 1);
  CHECK(f.ask(f.i, TaskFunction::lun_reset) == TaskResult::complete);
  CHECK(f.target->held() == 0);
  f.hold_nothing();
  CHECK(second.credits == 7);  // nothing has come
  // One unit attention for the nexus, or one for each channel with channels_are_sessions.
  CHECK(f.i.run(scsi::test_unit_ready()).is(scsi::SenseKey::unit_attention, scsi::kBusDeviceReset));
  const auto answer = second.run(scsi::test_unit_ready());
  CHECK(answer.status() == (config.channels_are_sessions ? 2 : 0));
  CHECK(second.credits == 8);
}

TEST_CASE("with channels_are_sessions, an abort finds only the commands of its own channel") {
  auto config = small_config();
  config.channels_are_sessions = true;
  Tasks f(config);
  Initiator second(f, {.multichannel = wire::MultiChannel::independent});
  CHECK(second.login.multichannel == wire::MultiChannelResult::maintained);
  f.hold();
  const auto tag = f.send(scsi::test_unit_ready());
  CHECK(f.ask(second, TaskFunction::abort_task, 0, tag) == TaskResult::failed);
  CHECK(f.ask(f.i, TaskFunction::abort_task, 0, tag) == TaskResult::complete);
}

TEST_CASE("ABORT TASK SET and CLEAR TASK SET") {
  Tasks f;
  Initiator other(f, {.initiator = initiator_port(2)});
  f.hold();
  f.send(scsi::test_unit_ready());
  f.send(scsi::test_unit_ready());
  other.send(other.command(scsi::test_unit_ready()));
  f.pump();
  f.hold_nothing();
  CHECK(f.ask(f.i, TaskFunction::abort_task_set) == TaskResult::complete);
  CHECK(f.target->held() == 1);
  CHECK(f.i.run(scsi::test_unit_ready()).status() == 0);
  CHECK(f.ask(f.i, TaskFunction::clear_task_set) == TaskResult::complete);
  CHECK(f.target->held() == 0);
  CHECK(f.i.run(scsi::test_unit_ready()).status() == 0);
  CHECK(other.run(scsi::test_unit_ready()).is(scsi::SenseKey::unit_attention, scsi::kCommandsCleared));
}

TEST_CASE("unknown functions and LUNs without a unit are refused") {
  Tasks f;
  CHECK(f.ask(f.i, TaskFunction::clear_aca) == TaskResult::not_supported);
  CHECK(f.ask(f.i, static_cast<TaskFunction>(0x10)) == TaskResult::not_supported);
  CHECK(f.ask(f.i, TaskFunction::lun_reset, 9) == TaskResult::invalid_fields);
  CHECK(f.ask(f.i, TaskFunction::abort_task_set, 9) == TaskResult::invalid_fields);
  CHECK(f.ask(f.i, TaskFunction::clear_task_set, 9) == TaskResult::invalid_fields);
}

namespace {
// RDMA READs take a millisecond; everything else is immediate.
struct SlowReads : loopback::Scheduler {
  base::ManualClock clock;
  base::Time now() const noexcept override { return clock.now(); }
  loopback::Verdict judge(const loopback::Delivery& delivery) noexcept override {
    if (delivery.kind != loopback::Delivery::Kind::rdma_read) return {};
    return {.delay = std::chrono::milliseconds(1)};
  }
};
}  // namespace

TEST_CASE("an abort is answered only after the command's RDMA has ended") {
  SlowReads slow;
  Rig rig(small_config(), &slow);
  Initiator i(rig);
  i.fill(0, 512);
  const auto tag = i.start(scsi::write10(0, 1), 0, 512);
  CHECK_FALSE(i.next());
  const bool reset = GENERATE(false, true);
  const auto function = i.send(reset ? TaskFunction::lun_reset : TaskFunction::abort_task, 0, tag);
  CHECK_FALSE(i.next());  // not before the read is over
  SECTION("the read ends") {
    slow.clock.advance(std::chrono::milliseconds(1));
    CHECK(i.answer_to(function).response().task_result() == TaskResult::complete);
    CHECK(i.credits == 8);
    CHECK_FALSE(i.next());
    CHECK(rig.target->channels()[0].commands == 0);
  }
  SECTION("the connection ends") {
    rig.target->drop_connections();
    CHECK(i.lost());
    CHECK(rig.target->channels().empty());
  }
}

TEST_CASE("a reset waits for another session's RDMA, or for the end of that session's connection") {
  SlowReads slow;
  Rig rig(small_config(), &slow);
  Initiator i(rig), other(rig, {.initiator = initiator_port(2)});
  other.start(scsi::write10(0, 1), 0, 512);
  rig.pump();
  const auto reset = i.send(TaskFunction::lun_reset, 0);
  CHECK_FALSE(i.next());
  other.endpoint->abort();
  CHECK(i.answer_to(reset).response().task_result() == TaskResult::complete);
}

TEST_CASE("a single-channel login ends transfers at once, so old data does not reach the disk later") {
  SlowReads slow;
  Rig rig(small_config(), &slow);
  Initiator i(rig);
  i.fill(0, 512);
  i.start(scsi::write10(0, 1), 0, 512);
  rig.pump();
  Initiator next(rig);
  CHECK(next.logged_in());
  slow.clock.advance(std::chrono::milliseconds(2));
  rig.pump();
  CHECK(i.lost());
  CHECK(rig.target->disk_bytes(0)[0] == std::byte{0});
}

}  // namespace srpi::target::test
