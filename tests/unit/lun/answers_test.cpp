// SPDX-License-Identifier: Apache-2.0
// What becomes of a request by what the target answers, and what else an answer sets off.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::SenseKey;
using session::State;
using target::Outcome;

namespace {

// The first `times` READs get `outcome`.
struct Answering : Rig {
  void answer(Outcome outcome, int times) {
    target->set_command_hook([=, this, left = times](const target::CommandInfo& info) mutable {
      if (static_cast<scsi::Opcode>(info.cdb[0]) != scsi::Opcode::read_10) return Outcome{};
      ++reads;
      return left-- > 0 ? outcome : Outcome{};
    });
  }
  Errc read_with(Outcome outcome, int times, base::Duration at_most = 12s) {
    answer(std::move(outcome), times);
    Io io(*this, IoOperation::read, 0);
    const auto start = clock.now();
    units[0]->submit(io.request);
    settle();
    while (io.completions == 0 && clock.now() < start + at_most) {
      const auto due = std::min(units[0]->next_deadline(), nexus->next_deadline());
      REQUIRE(due != base::kNever);
      pass(std::max<base::Duration>(due - clock.now(), 1ms));
    }
    took = clock.now() - start;
    CHECK(io.completions == 1);
    return io.request.status;
  }
  [[nodiscard]] std::vector<scsi::Event> seen() const {
    std::vector<scsi::Event> out;
    for (const auto& [lun, event] : events) out.push_back(event);
    return out;
  }
  int reads = 0;
  base::Duration took{};
};

Outcome check(SenseKey key, std::uint8_t asc, std::uint8_t ascq) {
  return Outcome::check_condition(key, {asc, ascq});
}
constexpr int kAlways = 1 << 20;

}  // namespace

TEST_CASE("row 17: BUSY is retried a limited number of times") {
  CHECK(Answering().read_with(Outcome::with_status(scsi::Status::busy), 3) == Errc::ok);
  Answering rig;
  CHECK(rig.read_with(Outcome::with_status(scsi::Status::busy), kAlways) == Errc::busy);
  CHECK(rig.reads == 25);
  CHECK(rig.took <= rig.options.command_timeout);
}

TEST_CASE("row 17: TASK SET FULL is retried with delays a limited number of times") {
  CHECK(Answering().read_with(Outcome::with_status(scsi::Status::task_set_full), 10) == Errc::ok);
  Answering rig;
  CHECK(rig.read_with(Outcome::with_status(scsi::Status::task_set_full), kAlways) == Errc::busy);
  CHECK(rig.took <= rig.options.command_timeout);
  CHECK(rig.reads <= 61);
}

TEST_CASE("row 17: NOT READY, becoming ready, is retried until the request's time is over") {
  Answering rig;
  CHECK(rig.read_with(check(SenseKey::not_ready, 0x04, 0x01), 5) == Errc::ok);
  CHECK(rig.took >= 500ms);
  CHECK(rig.read_with(check(SenseKey::not_ready, 0x04, 0x01), kAlways) == Errc::not_ready);
  CHECK(rig.took <= rig.options.command_timeout);
}

TEST_CASE("row 17: errors that a retry cannot help fail at once") {
  struct Row {
    Outcome outcome;
    Errc error;
  };
  const Row rows[] = {
      {Outcome::with_status(scsi::Status::reservation_conflict), Errc::reservation_conflict},
      {check(SenseKey::medium_error, 0x11, 0x00), Errc::medium_error},
      {check(SenseKey::hardware_error, 0x44, 0x00), Errc::hardware_error},
      {check(SenseKey::not_ready, 0x3a, 0x00), Errc::not_ready},  // no medium
      {check(SenseKey::illegal_request, 0x24, 0x00), Errc::illegal_request},
      {check(SenseKey::data_protect, 0x27, 0x00), Errc::write_protected},
  };
  for (const auto& row : rows) {
    Answering rig;
    CHECK(rig.read_with(row.outcome, kAlways) == row.error);
    CHECK(rig.reads == 1);
    CHECK(rig.took == 0ms);
    CHECK(rig.nexus->state() == State::live);
  }
}

TEST_CASE("the unit attention of a reset is reported, and the request is sent again after the proof") {
  Answering rig;
  CHECK(rig.read_with(check(SenseKey::unit_attention, 0x29, 0x00), 1) == Errc::ok);
  CHECK(rig.reads == 2);
  CHECK(rig.seen() == std::vector{scsi::Event::lun_reset});
  CHECK(rig.proofs == 1);
}

TEST_CASE("row 16: endless unit attentions fail the request") {
  Answering rig;
  CHECK(rig.read_with(check(SenseKey::unit_attention, 0x2f, 0x00), kAlways) == Errc::unit_attention);
  CHECK(rig.reads == 9);
}

TEST_CASE(
    "row 16: CAPACITY CHANGED in the answer to any command: the size is read again and the resize reported") {
  Rig rig;
  const bool idle = GENERATE(false, true);
  const auto before = rig.units[0]->info().blocks;
  REQUIRE(rig.target->resize(0, 2 * Rig::kDiskBytes).has_value());
  Io io(rig, IoOperation::read, 0);
  if (idle) {
    rig.pass(*rig.options.keepalive + 10ms);
  } else {
    rig.units[0]->submit(io.request);
    rig.settle();
    CHECK(io.request.status == Errc::ok);
    CHECK(io.completions == 1);
  }
  CHECK(rig.events == std::vector{std::pair{std::uint64_t{0}, scsi::Event::capacity_changed}});
  CHECK(rig.resizes == 1);
  CHECK(rig.units[0]->info().blocks == 2 * before);
  Io beyond(rig, IoOperation::write, before + 8, 'b');
  rig.units[0]->submit(beyond.request);
  rig.settle();
  CHECK(beyond.request.status == Errc::ok);
}

TEST_CASE(
    "changed units are reported and the known ones proved, also after an asynchronous event without I/O") {
  Rig rig;
  rig.target->send_async_event(1, scsi::make_sense(SenseKey::unit_attention, scsi::kReportedLunsDataChanged));
  rig.settle();
  CHECK(rig.events == std::vector{std::pair{std::uint64_t{1}, scsi::Event::luns_changed}});
  CHECK(rig.proofs == 1);
  CHECK(rig.target->counters().target_answers == 1);
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE(
    "nothing is written to a different unit: I/O waits for the proof and fails, that of others goes on") {
  Rig rig;
  REQUIRE(rig.target->rename(0, "another").has_value());
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  Io first(rig, IoOperation::write, 0, 'f'), second(rig, IoOperation::write, 8, 's'),
      other(rig, IoOperation::write, 0, 'o');
  rig.units[0]->submit(first.request);
  rig.turn();
  rig.turn();
  rig.units[0]->submit(second.request);
  rig.units[1]->submit(other.request);
  rig.settle();
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.units[0]->info().away.code == Errc::identity_mismatch);
  for (auto* io : {&first, &second}) {
    CHECK(io->completions == 1);
    CHECK(io->request.status == Errc::identity_mismatch);
  }
  CHECK(other.completions == 1);
  CHECK(other.request.status == Errc::ok);
  CHECK(std::ranges::all_of(rig.target->disk_bytes(0), [](std::byte b) { return b == std::byte{}; }));
  rig.pass(1h);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.units[0]->info().away.code == Errc::identity_mismatch);
}

TEST_CASE("I/O to a unit that is still the same after a unit attention continues") {
  Rig rig;
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  std::vector<std::unique_ptr<Io>> ios;
  for (int i = 0; i < 40; ++i) {
    ios.push_back(std::make_unique<Io>(rig, IoOperation::write, 8 * i, static_cast<char>('a' + i % 26)));
    rig.units[0]->submit(ios.back()->request);
    if (i % 7 == 0) rig.turn();
  }
  rig.settle();
  CHECK(rig.proofs == 1);
  for (int i = 0; i < 40; ++i) {
    CHECK(ios[static_cast<std::size_t>(i)]->request.status == Errc::ok);
    CHECK(rig.target->disk_bytes(0)[static_cast<std::size_t>(i) * 8 * 512] ==
          static_cast<std::byte>('a' + i % 26));
  }
}

TEST_CASE("a change during a proof causes another proof") {
  Rig rig;
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  bool once = true;
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    // During the proof, after the unit has been asked for its size.
    if (static_cast<scsi::Opcode>(info.cdb[0]) == scsi::Opcode::mode_sense_6 && info.lun == 0 &&
        std::exchange(once, false))
      rig.target->resize(0, 3 * Rig::kDiskBytes).value();
    return Outcome{};
  });
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.settle();
  CHECK_FALSE(once);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.units[0]->info().blocks == 3 * Rig::kDiskBytes / 512);
}

TEST_CASE("if the connection is lost during a proof, the next login proves the units") {
  SessionOptions options;
  options.fast_io_fail = 5000ms;
  Rig rig(options);
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  bool once = true;
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    if (static_cast<scsi::Opcode>(info.cdb[0]) == scsi::Opcode::inquiry && std::exchange(once, false))
      return Outcome::of(Outcome::Kind::lose_command);
    return Outcome{};
  });
  Io io(rig, IoOperation::write, 0, 'w');
  rig.units[0]->submit(io.request);
  rig.settle();
  CHECK_FALSE(once);
  CHECK(io.completions == 0);
  rig.pass(rig.options.connect_timeout);  // the proof's own deadline
  CHECK(rig.nexus->record().losses == 1);
  rig.come_back();
  rig.settle();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
}

TEST_CASE("I/O that waits for a proof ends at its deadline, without useless wake-ups") {
  SessionOptions options;
  options.command_timeout = 1000ms;
  Rig rig(options);
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    return Outcome::of(static_cast<scsi::Opcode>(info.cdb[0]) == scsi::Opcode::inquiry
                           ? Outcome::Kind::hold
                           : Outcome::Kind::normal);
  });
  Io first(rig, IoOperation::read, 0);
  rig.units[0]->submit(first.request);
  rig.settle();
  REQUIRE(first.completions == 0);
  rig.pass(500ms);
  Io waiting(rig, IoOperation::read, 8);
  rig.units[0]->submit(waiting.request);
  rig.settle();
  rig.pass(499ms);
  CHECK(rig.nexus->next_deadline() > rig.clock.now());
  rig.target->release_held();  // and hold the next
  rig.settle();
  rig.pass(1ms);
  CHECK(first.completions == 1);
  CHECK(first.request.status == Errc::timed_out);
  CHECK(rig.nexus->next_deadline() > rig.clock.now());
  rig.target->set_command_hook({});
  rig.target->release_held();
  rig.settle();
  CHECK(waiting.completions == 1);
  CHECK(waiting.request.status == Errc::ok);
}

TEST_CASE("a predicted failure is reported, and the request succeeds") {
  Answering rig;
  auto predicted = check(SenseKey::recovered_error, 0x5d, 0x00);
  CHECK(rig.read_with(predicted, 1) == Errc::short_transfer);  // the hook moves no data
  CHECK(rig.seen() == std::vector{scsi::Event::failure_predicted});
  CHECK(rig.proofs == 0);
}

TEST_CASE("a unit attention on each of several channels is one event and one proof") {
  SessionOptions options;
  options.channels = 4;
  target::TargetConfig config;
  config.channels_are_sessions = GENERATE(false, true);
  Rig rig(options, config);
  REQUIRE(rig.nexus->channels().live().size() == 4);
  const auto proofs = rig.proofs;
  REQUIRE(rig.target->raise_attention(0, scsi::kBusDeviceReset).has_value());
  std::deque<Io> ios;
  for (int i = 0; i < 2; ++i) {  // one at first; then over every channel
    const int n = i == 0 ? 1 : 8;
    for (int k = 0; k < n; ++k)
      rig.units[0]->submit(ios.emplace_back(rig, IoOperation::read, static_cast<std::uint64_t>(k)).request);
    rig.settle();
  }
  for (auto& io : ios) {
    CHECK(io.completions == 1);
    CHECK(io.request.status == Errc::ok);
  }
  CHECK(rig.events.size() == 1);
  CHECK(rig.proofs == proofs + 1);
}

TEST_CASE("a proof that gets no answer on one channel continues over another") {
  SessionOptions options;
  options.channels = 2;
  options.reconnect_delay.reset();
  Rig rig(options);
  REQUIRE(rig.nexus->channels().live().size() == 2);
  const bool the_proof = GENERATE(false, true);  // or the question for unit attentions before it
  int lost = 0;
  rig.target->set_command_hook([&](const target::CommandInfo& info) {
    const bool first = ((info.tag >> 16) & 0xffff) == 0;
    if (lost > 0 || first == the_proof) return Outcome{};
    ++lost;
    return Outcome::of(Outcome::Kind::lose_command);
  });
  rig.target->send_async_event(0, scsi::make_sense(SenseKey::unit_attention, scsi::kCapacityChanged),
                               rig.target->channels()[0].number);
  rig.settle();
  REQUIRE(lost == 1);
  const auto proofs = rig.proofs;
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  rig.pass_in_steps(options.connect_timeout + 10ms);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.proofs == proofs + 1);
  CHECK(rig.nexus->channels().live().size() == 1);
  CHECK(rig.nexus->record().losses == 0);
}
