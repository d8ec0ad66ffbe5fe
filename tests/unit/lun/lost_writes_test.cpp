// SPDX-License-Identifier: Apache-2.0
// A deferred error: a unit says, in the answer to whatever command comes first, that a write which it had
// acknowledged is lost. The next flush must fail for it, as fsync does, and once.
#include <catch2/catch.hpp>

#include "durable_rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;
using target::Outcome;

namespace {

scsi::Sense write_lost() {
  auto sense = scsi::make_sense(scsi::SenseKey::medium_error, {0x0c, 0x02});  // WRITE ERROR
  sense.deferred = true;
  return sense;
}

struct Losing : Durable {
  explicit Losing(SessionOptions o = {}, target::TargetConfig config = cached())
      : Durable(std::move(o), std::move(config)) {}
  // The next command of this kind finds the cache empty, and is told so.
  void lose_at(scsi::Opcode opcode) {
    told = false;
    note([this, opcode](scsi::Opcode o) {
      if (o != opcode || std::exchange(told, true)) return Outcome{};
      target->lose_caches();
      auto outcome = Outcome::check_condition(scsi::SenseKey::medium_error, {});
      outcome.sense = write_lost();
      return outcome;
    });
  }
  // Its retries wait a little at times.
  void run() { pass_in_steps(500ms, 50ms); }
  Errc flush(std::size_t unit = 0) {
    IoRequest request;
    request.operation = IoOperation::flush;
    request.on_complete = [](IoRequest&) noexcept {};
    units[unit]->submit(request);
    run();
    return request.status;
  }
  bool told = false;
};

struct Flush {
  explicit Flush(Rig& rig) {
    request.operation = IoOperation::flush;
    request.context = this;
    request.on_complete = [](IoRequest& r) noexcept { ++static_cast<Flush*>(r.context)->completions; };
    rig.units[0]->submit(request);
  }
  IoRequest request;
  int completions = 0;
};

}  // namespace

TEST_CASE("row 35: a flush that gets the report of a lost write fails, and the next flush does not") {
  Losing rig;
  Io io(rig, IoOperation::write, 16, 'p');
  rig.units[0]->submit(io.request);
  rig.settle();
  REQUIRE(io.request.status == Errc::ok);
  rig.lose_at(kFlush);
  CHECK(rig.flush() == Errc::medium_error);
  CHECK(rig.told);
  CHECK(rig.flush() == Errc::ok);
}

TEST_CASE("row 35: after any command gets the report of a lost write, the next flush fails, once") {
  auto options = holding();
  options.keepalive = 1000ms;
  Losing rig(options);
  const std::string who = GENERATE("a read", "a write", "a keepalive", "SRP_AER_REQ", "the proof");
  INFO(who);
  Io read(rig, IoOperation::read, 0), write(rig, IoOperation::write, 0);
  if (who == "a read") {
    rig.lose_at(scsi::Opcode::read_10);
    rig.units[0]->submit(read.request);
  } else if (who == "a write") {
    rig.lose_at(kWrite);
    rig.units[0]->submit(write.request);
  } else if (who == "a keepalive") {
    rig.lose_at(scsi::Opcode::test_unit_ready);
    rig.pass(1500ms);
  } else if (who == "SRP_AER_REQ") {
    rig.told = rig.target->send_async_event(0, write_lost()) == 1;
  } else {
    rig.lose_at(scsi::Opcode::inquiry);
    REQUIRE(rig.target->raise_attention(0, scsi::kCapacityChanged).has_value());
    rig.units[0]->submit(read.request);
    rig.settle();
    rig.come_back();
  }
  rig.run();
  REQUIRE(rig.told);
  CHECK(std::ranges::count(rig.events,
                           std::pair<std::uint64_t, scsi::Event>{0, scsi::Event::deferred_error}) == 1);
  CHECK(rig.flush() == Errc::medium_error);
  CHECK(rig.flush() == Errc::ok);
}

TEST_CASE("row 35: every flush in progress fails when the unit reports a lost write") {
  Losing rig;
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kFlush ? Outcome::Kind::hold : Outcome::Kind::normal);
  });
  Flush first(rig), second(rig);
  rig.settle();
  REQUIRE(rig.target->held() == 2);
  rig.lose_at(scsi::Opcode::read_10);
  Io read(rig, IoOperation::read, 0);
  rig.units[0]->submit(read.request);
  rig.run();
  rig.target->release_held();
  rig.settle();
  for (const auto* flush : {&first, &second}) {
    CHECK(flush->completions == 1);
    CHECK(flush->request.status == Errc::medium_error);
  }
  CHECK(read.request.status == Errc::ok);
  CHECK(rig.flush() == Errc::ok);
}

TEST_CASE("row 35: a flush that ends with the connection does not count as the report of a lost write") {
  Losing rig;
  rig.lose_at(scsi::Opcode::read_10);
  Io read(rig, IoOperation::read, 0);
  rig.units[0]->submit(read.request);
  rig.run();
  REQUIRE(rig.told);
  rig.nexus->disconnect();
  CHECK(rig.flush() == Errc::no_connect);
  rig.nexus->reconnect();
  rig.come_back();
  CHECK(rig.flush() == Errc::medium_error);
  CHECK(rig.flush() == Errc::ok);
}

TEST_CASE("row 35: FUA: a lost write is written again, whichever command got the report") {
  Losing rig;
  const bool by_flush = GENERATE(true, false);
  Ios ios;
  Io* io = nullptr;
  if (by_flush) {
    rig.lose_at(kFlush);
    io = &ios.submit(rig, 16, 'f');
    rig.run();
  } else {
    rig.note([](scsi::Opcode opcode) {
      return Outcome::of(opcode == kFlush ? Outcome::Kind::hold : Outcome::Kind::normal);
    });
    io = &ios.submit(rig, 16, 'f');
    rig.settle();
    REQUIRE(rig.target->held() == 1);
    rig.lose_at(scsi::Opcode::read_10);
    Io read(rig, IoOperation::read, 0);
    rig.units[0]->submit(read.request);
    rig.run();
    rig.target->release_held();
    rig.run();
  }
  CHECK(rig.told);
  CHECK(io->completions == 1);
  CHECK(io->request.status == Errc::ok);
  CHECK(rig.count(kWrite) == 2);
  CHECK(rig.durable(16) == 'f');
  // Another write may have been lost as well: that is for a flush to say.
  CHECK(rig.flush() == Errc::medium_error);
  CHECK(rig.flush() == Errc::ok);
}

TEST_CASE("row 35: FUA: with a unit that loses every write, the request fails at its deadline") {
  SessionOptions options;
  options.command_timeout = 1000ms;
  Losing rig(options);
  rig.note([&](scsi::Opcode opcode) {
    auto outcome = Outcome::check_condition(scsi::SenseKey::medium_error, {});
    outcome.sense = write_lost();
    return opcode == kFlush && rig.count(kFlush) % 2 == 1 ? outcome : Outcome{};
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.pass_in_steps(2000ms, 50ms);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::timed_out);
}

TEST_CASE("row 35: a lost write fails the flush of its own unit, with a volatile cache or without") {
  auto config = cached();
  config.luns.push_back(config.luns[0]);
  config.luns[1].number = 1;
  config.luns[0].volatile_cache = GENERATE(true, false);  // false: as the unit says
  Losing rig({}, config);
  REQUIRE(rig.units.size() == 2);
  rig.lose_at(scsi::Opcode::read_10);
  Io read(rig, IoOperation::read, 0);
  rig.units[0]->submit(read.request);
  rig.run();
  REQUIRE(rig.told);
  CHECK(rig.flush(1) == Errc::ok);
  CHECK(rig.flush(0) == Errc::medium_error);
  CHECK(rig.flush(0) == Errc::ok);
}

TEST_CASE("a deferred error that the unit has recovered from has lost nothing") {
  Losing rig;
  bool once = true;
  rig.note([&](scsi::Opcode opcode) {
    if (opcode != kFlush || !std::exchange(once, false)) return Outcome{};
    auto outcome = Outcome::check_condition(scsi::SenseKey::recovered_error, {0x0c, 0x01});
    outcome.sense->deferred = true;
    return outcome;
  });
  CHECK(rig.flush() == Errc::ok);
  CHECK_FALSE(once);
}
