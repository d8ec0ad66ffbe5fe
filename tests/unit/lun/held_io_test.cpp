// SPDX-License-Identifier: Apache-2.0
// fast_io_fail: what was at the target when the connection was lost is held, and sent again behind the fence.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;
using target::Outcome;

namespace {

target::TargetConfig with_ghosts() {
  target::TargetConfig config;
  config.login_ends_held_writes = false;
  return config;
}

struct Holding : Rig {
  explicit Holding(SessionOptions o = holding()) : Rig(std::move(o), with_ghosts()) {}
  void keep(Outcome::Kind kind) {
    target->set_command_hook([kind](const auto&) { return Outcome::of(kind); });
  }
  void go_offline() {
    target->set_online(false);
    while (nexus->state() == State::live) turn(), clock.advance(1ms);
  }
  void come_online() {
    target->set_command_hook({});
    target->set_online(true);
    come_back();
  }
};

}  // namespace

TEST_CASE(
    "row 1: after a loss, requests at the target are held, and sent again after login, proof and fence") {
  Holding rig;
  Io write(rig, IoOperation::write, 8, 'w'), read(rig, IoOperation::read, 64);
  std::ranges::fill(rig.target->disk_bytes(0).subspan(64 * 512, Io::kBytes), std::byte{'r'});
  rig.keep(Outcome::Kind::hold_medium);
  rig.units[0]->submit(write.request);
  rig.units[0]->submit(read.request);
  rig.settle();
  REQUIRE(rig.target->held() == 2);
  rig.go_offline();
  REQUIRE(rig.nexus->state() == State::recovering);
  CHECK(write.completions + read.completions == 0);
  Io newcomer(rig, IoOperation::write, 128, 'n');
  rig.units[0]->submit(newcomer.request);

  std::vector<std::string> order;
  rig.target->set_task_hook([&](const wire::TaskManagement& t) {
    order.push_back(wire::to_string(t.function));
    return target::TaskOutcome{};
  });
  rig.target->set_online(true);
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    const auto opcode = static_cast<scsi::Opcode>(info.cdb[0]);
    if (opcode == scsi::Opcode::write_10) order.push_back("write");
    if (opcode == scsi::Opcode::inquiry) order.push_back("inquiry");
    return Outcome{};
  });
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  rig.settle();
  for (auto* io : {&write, &read, &newcomer}) {
    CHECK(io->completions == 1);
    CHECK(io->request.status == Errc::ok);
  }
  CHECK(read.bytes[0] == std::byte{'r'});
  CHECK(rig.target->disk_bytes(0)[8 * 512] == std::byte{'w'});
  // Nothing is written before the reset, nothing reset before the proof.
  const auto reset = std::ranges::find(order, wire::to_string(wire::TaskFunction::lun_reset));
  REQUIRE(reset != order.end());
  CHECK(std::find(order.begin(), reset, "write") == reset);
  CHECK(std::find(order.begin(), reset, "inquiry") != reset);
  // The first write's ghost is gone.
  rig.target->disk_bytes(0)[8 * 512] = std::byte{'x'};
  rig.target->release_held();
  CHECK(rig.target->disk_bytes(0)[8 * 512] == std::byte{'x'});
}

TEST_CASE("row 1: held requests fail exactly when fast_io_fail ends") {
  Holding rig;
  rig.keep(Outcome::Kind::hold);
  Io io(rig, IoOperation::write, 8, 'w');
  rig.units[0]->submit(io.request);
  rig.settle();
  rig.go_offline();
  rig.pass(4900ms);
  CHECK(io.completions == 0);
  rig.pass(100ms);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::no_connect);
  CHECK(rig.nexus->state() == State::lost);
}

TEST_CASE("row 1: with fast_io_fail 0, a loss fails everything at once") {
  Holding rig(holding(0ms));
  rig.keep(Outcome::Kind::hold);
  Io io(rig, IoOperation::write, 8, 'w');
  rig.units[0]->submit(io.request);
  rig.settle();
  rig.go_offline();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::no_connect);
}

TEST_CASE("an administrator's disconnect fails everything at once, with any fast_io_fail") {
  Holding rig;
  const bool while_recovering = GENERATE(false, true);
  rig.keep(Outcome::Kind::hold);
  Io io(rig, IoOperation::write, 8, 'w');
  rig.units[0]->submit(io.request);
  rig.settle();
  if (while_recovering) rig.go_offline();
  CHECK(io.completions == 0);
  rig.nexus->disconnect();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::no_connect);
}

TEST_CASE("without the fence only reads are held, because an old copy of a write could come late") {
  auto options = holding();
  options.fence = false;
  Holding rig(options);
  rig.keep(Outcome::Kind::hold);
  Io write(rig, IoOperation::write, 8, 'w'), read(rig, IoOperation::read, 64);
  rig.units[0]->submit(write.request);
  rig.units[0]->submit(read.request);
  rig.settle();
  rig.go_offline();
  CHECK(write.request.status == Errc::no_connect);
  CHECK(write.completions == 1);
  CHECK(read.completions == 0);
  rig.come_online();
  CHECK(read.completions == 1);
  CHECK(read.request.status == Errc::ok);
}

TEST_CASE("requests that are sent again over another RDMA device use that device's keys") {
  Holding rig;
  rig.keep(Outcome::Kind::hold_medium);
  Io write(rig, IoOperation::write, 8, 'w'), read(rig, IoOperation::read, 64),
      unmap(rig, IoOperation::unmap, 512);
  unmap.request.data = {};
  for (auto* io : {&write, &read, &unmap}) rig.units[0]->submit(io->request);
  rig.settle();
  const auto old_key = write.memory->rkey();
  const auto other = rig.network.add_device("other");
  // Keys of another device may be equal by chance: not these.
  std::vector<std::byte> filler(64);
  const auto region = other->register_memory(filler, fabric::Access::remote).value();
  rig.fabric.device = other;
  rig.network.remove_device(*rig.network.initiator_device());
  while (rig.nexus->state() == State::live) rig.turn(), rig.clock.advance(1ms);
  rig.come_online();
  REQUIRE(rig.nexus->state() == State::live);
  rig.settle();
  CHECK(write.memory->rkey() != old_key);
  for (auto* io : {&write, &read, &unmap}) {
    CHECK(io->completions == 1);
    CHECK(io->request.status == Errc::ok);
  }
  CHECK(rig.target->disk_bytes(0)[8 * 512] == std::byte{'w'});
  CHECK(rig.nexus->record().losses == 1);
}

TEST_CASE("outages put a command's deadline off, but not for ever") {
  Holding rig;
  rig.keep(Outcome::Kind::lose_command);
  Io io(rig, IoOperation::read, 8);
  rig.units[0]->submit(io.request);
  rig.settle();
  const auto start = rig.clock.now();
  while (io.completions == 0 && rig.clock.now() < start + 60s) {
    rig.target->set_online(false);
    rig.pass_in_steps(2s, 50ms);
    rig.target->set_online(true);
    rig.target->set_command_hook({});
    for (int i = 0; i < 100 && rig.nexus->state() != State::live; ++i) {
      rig.clock.advance(20ms);
      for (int turns = 0; turns < 200 && rig.nexus->state() != State::live; ++turns) rig.turn();
    }
    rig.keep(Outcome::Kind::lose_command);
    rig.pass(1s);
  }
  CHECK(io.completions == 1);
  CHECK(rig.clock.now() - start <= rig.options.command_timeout + rig.options.fast_io_fail + 4s);
}

TEST_CASE("requests are not affected if one of several channels is lost") {
  SessionOptions options;
  options.channels = 2;
  Holding rig(options);
  REQUIRE(rig.nexus->channels().live().size() == 2);
  std::deque<Io> ios;
  rig.keep(Outcome::Kind::hold_medium);
  for (std::uint64_t i = 0; i < 8; ++i)
    rig.units[0]->submit(
        ios.emplace_back(rig, i % 3 == 0 ? IoOperation::read : IoOperation::write, 8 * i, 'w').request);
  rig.settle();
  REQUIRE(rig.target->held() == 8);
  rig.target->set_command_hook({});
  rig.network.break_queue_pair(2, true, fabric::WorkStatus::retry_exceeded);
  rig.settle();
  for (auto& io : ios) CHECK(io.request.status == Errc::ok);
  CHECK(rig.nexus->channels().live().size() == 1);
  rig.pass_in_steps(1s);
  for (auto& io : ios) {
    CHECK(io.completions == 1);
    CHECK(io.request.status == Errc::ok);
  }
  CHECK(rig.nexus->channels().live().size() == 2);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.target->held() == 0);
}
