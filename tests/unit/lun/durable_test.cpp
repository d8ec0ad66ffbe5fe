// SPDX-License-Identifier: Apache-2.0
// Force unit access at a unit with a volatile cache and without FUA: a flush of the range follows, and
// success means that the data are on the medium, whatever happens in between.
#include <catch2/catch.hpp>

#include "durable_rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;
using target::Outcome;

TEST_CASE("FUA without the FUA bit: a flush of the range follows, and the request completes once") {
  Durable rig;
  REQUIRE(rig.units[0]->info().write_cache);
  REQUIRE_FALSE(rig.units[0]->info().can_force_unit_access);
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  const auto callback = io.request.on_complete;
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(io.request.operation == IoOperation::write);
  CHECK(io.request.on_complete == callback);
  CHECK(rig.commands == std::vector{kWrite, kFlush});
  CHECK(rig.range == std::pair<std::uint64_t, std::uint64_t>{16, 8});
  CHECK(rig.durable(16) == 'f');

  rig.commands.clear();
  Io plain(rig, IoOperation::write, 32, 'p');
  rig.units[0]->submit(plain.request);
  rig.settle();
  CHECK(plain.request.status == Errc::ok);
  CHECK(rig.commands == std::vector{kWrite});
  CHECK(rig.durable(32) == 0);
}

TEST_CASE("FUA with the FUA bit or without a volatile cache needs no flush") {
  for (const bool volatile_cache : {true, false}) {
    auto config = cached(volatile_cache);
    config.luns[0].volatile_cache = volatile_cache;
    Durable rig({}, config);
    Ios ios;
    auto& io = ios.submit(rig, 16, 'f');
    rig.settle();
    CHECK(io.request.status == Errc::ok);
    CHECK(rig.commands == std::vector{kWrite});
    CHECK(rig.durable(16) == 'f');
  }
}

TEST_CASE("FUA of unmap and write_zeroes is a flush, even if writes have the FUA bit") {
  Durable rig({}, cached(true));
  for (const auto operation : {IoOperation::unmap, IoOperation::write_zeroes}) {
    rig.commands.clear();
    Ios ios;
    auto& io = ios.submit(rig, 16, 0, operation);
    rig.settle();
    CHECK(io.request.status == Errc::ok);
    CHECK(io.request.operation == operation);
    REQUIRE(rig.commands.size() == 2);
    CHECK(rig.commands[1] == kFlush);
  }
}

TEST_CASE("FUA: a request with several commands is flushed once, after all of them") {
  SessionOptions options;
  options.queue_depth = 2;
  auto config = cached();
  config.max_transfer_bytes = 4096;
  Durable rig(options, config);
  Io io(rig, IoOperation::write, 0, 'm');
  std::array<Segment, 4> segments;
  segments.fill(io.segment);
  io.request.data = segments;
  io.request.blocks = 32;
  io.request.force_unit_access = true;
  rig.units[0]->submit(io.request);
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.count(kWrite) == 4);
  CHECK(rig.count(kFlush) == 1);
  CHECK(rig.commands.back() == kFlush);
  CHECK(rig.range == std::pair<std::uint64_t, std::uint64_t>{0, 32});
}

TEST_CASE("FUA: the request fails if the write fails, without a flush, or if the flush fails") {
  const auto medium_error =
      Outcome::check_condition(scsi::SenseKey::medium_error, scsi::kUnrecoveredReadError);
  for (const auto failing : {kWrite, kFlush}) {
    Durable rig;
    rig.note([&](scsi::Opcode opcode) { return opcode == failing ? medium_error : Outcome{}; });
    Ios ios;
    auto& io = ios.submit(rig, 16, 'f');
    rig.settle();
    CHECK(io.completions == 1);
    CHECK(io.request.status == Errc::medium_error);
    CHECK(io.request.operation == IoOperation::write);
    CHECK(rig.count(kFlush) == (failing == kFlush ? 1 : 0));
  }
}

TEST_CASE("row 34: FUA: connection and cache are lost between write and flush: both are done again") {
  Durable rig(holding());
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kFlush ? Outcome::Kind::lose_command : Outcome::Kind::normal);
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  REQUIRE(rig.commands == std::vector{kWrite, kFlush});
  rig.fail_power();
  REQUIRE(rig.nexus->state() == State::recovering);
  REQUIRE(rig.durable(16) == 0);
  CHECK(io.completions == 0);
  rig.note();
  rig.target->set_online(true);
  rig.come_back();
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.count(kWrite) == 2);
  CHECK(rig.commands.back() == kFlush);
  CHECK(rig.durable(16) == 'f');
}

TEST_CASE("row 34: FUA: the connection is lost after the flush, but before its answer: both are done again") {
  Durable rig(holding());
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kFlush ? Outcome::Kind::lose_response : Outcome::Kind::normal);
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  REQUIRE(io.completions == 0);
  rig.fail_power();
  rig.note();
  rig.target->set_online(true);
  rig.come_back();
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.durable(16) == 'f');
}

TEST_CASE("FUA: without fast_io_fail, a loss between write and flush fails the request") {
  Durable rig;
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kFlush ? Outcome::Kind::lose_command : Outcome::Kind::normal);
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  REQUIRE(rig.count(kFlush) == 1);
  rig.fail_power();
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::no_connect);
  CHECK(io.request.operation == IoOperation::write);
}

TEST_CASE("row 34: FUA: after a unit attention about a power failure, both are done again") {
  Durable rig;
  bool once = true;
  rig.note([&](scsi::Opcode opcode) {
    if (opcode == kFlush && std::exchange(once, false)) {
      rig.target->lose_caches();
      return Outcome::check_condition(scsi::SenseKey::unit_attention, scsi::kPowerOnOrReset);
    }
    return Outcome{};
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  CHECK_FALSE(once);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.count(kWrite) == 2);
  CHECK(rig.durable(16) == 'f');
}

TEST_CASE("FUA: both are done again also if another request gets the report of the power failure") {
  Durable rig;
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kFlush ? Outcome::Kind::hold : Outcome::Kind::normal);
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  rig.target->lose_caches();
  rig.note([&](scsi::Opcode opcode) {
    return opcode == scsi::Opcode::read_10 && rig.count(opcode) == 1
               ? Outcome::check_condition(scsi::SenseKey::unit_attention, scsi::kPowerOnOrReset)
               : Outcome{};
  });
  Io read(rig, IoOperation::read, 0);
  rig.units[0]->submit(read.request);
  rig.settle();
  rig.target->release_held();
  rig.settle();
  CHECK(read.request.status == Errc::ok);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.durable(16) == 'f');
}

TEST_CASE("FUA: with a unit that loses its cache again and again, the request ends at its deadline") {
  SessionOptions options;
  options.command_timeout = 1000ms;
  Durable rig(options);
  rig.note([&](scsi::Opcode opcode) {
    if (opcode == kFlush && rig.count(kFlush) % 2 == 1)
      return Outcome::check_condition(scsi::SenseKey::unit_attention, scsi::kPowerOnOrReset);
    if (opcode == kFlush) rig.clock.advance(100ms);
    return Outcome{};
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  const auto from = rig.clock.now();
  for (int i = 0; i < 1000 && io.completions == 0; ++i) rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::timed_out);
  CHECK(io.request.operation == IoOperation::write);
  CHECK(rig.clock.now() - from >= 1000ms);
  CHECK(rig.clock.now() - from <= 1200ms);
}

TEST_CASE("FUA: a disconnect or an abort between write and flush ends the request once") {
  for (const bool abort : {false, true}) {
    Durable rig;
    Ios ios;
    auto& io = ios.submit(rig, 16, 'f');
    rig.note([](scsi::Opcode opcode) {
      return Outcome::of(opcode == kFlush ? Outcome::Kind::hold : Outcome::Kind::normal);
    });
    rig.settle();
    REQUIRE(rig.target->held() == 1);
    if (abort) {
      TaskRequest task;
      task.on_complete = [](TaskRequest&) noexcept {};
      rig.units[0]->abort(task);
      rig.settle();
      CHECK(io.request.status == Errc::cancelled);
    } else {
      rig.nexus->disconnect();
      CHECK(io.request.status == Errc::no_connect);
    }
    CHECK(io.completions == 1);
    CHECK(io.request.operation == IoOperation::write);
  }
}

TEST_CASE("FUA: a write that is answered during its abort gets no flush") {
  Durable rig;
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kWrite ? Outcome::Kind::hold : Outcome::Kind::normal);
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  rig.target->set_task_hook([](const wire::TaskManagement&) {
    return target::TaskOutcome{.kind = target::TaskOutcome::Kind::lose};
  });
  int over = 0;
  TaskRequest task;
  task.context = &over;
  task.on_complete = [](TaskRequest& t) noexcept { ++*static_cast<int*>(t.context); };
  rig.units[0]->abort(task);
  rig.settle();
  REQUIRE(io.completions == 0);
  rig.target->release_held();
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::cancelled);
  CHECK(over == 1);
  CHECK(rig.count(kFlush) == 0);
}
