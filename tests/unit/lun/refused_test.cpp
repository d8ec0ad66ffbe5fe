// SPDX-License-Identifier: Apache-2.0
// UNMAP and WRITE SAME that a unit offers and refuses, and writes that it refuses because it is write-protected.
#include <catch2/catch.hpp>

#include "durable_rig.hpp"
#include "target/quirk.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::Opcode;
using scsi::SenseKey;
using target::Outcome;

namespace {

const Outcome kRefusals[] = {Outcome::check_condition(SenseKey::illegal_request, {0x20, 0x00}),
                             Outcome::check_condition(SenseKey::illegal_request, {0x24, 0x00}),
                             Outcome::check_condition(SenseKey::illegal_request, {0x26, 0x00})};

struct Warnings {
  std::vector<std::string> warnings;
};

struct Refusing : Warnings, Durable {
  explicit Refusing(Outcome outcome, Opcode refused, SessionOptions o = {},
                    target::TargetConfig config = cached())
      : Durable(noting(std::move(o), warnings), std::move(config)) {
    note([outcome = std::move(outcome), refused](Opcode command) {
      return command == refused ? outcome : Outcome{};
    });
    commands.clear();
  }
  static SessionOptions noting(SessionOptions o, std::vector<std::string>& to) {
    o.log = [&to](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) to.emplace_back(text);
    };
    return o;
  }
  [[nodiscard]] bool is_filled(std::uint64_t lba, std::uint64_t blocks, std::byte value) const {
    return std::ranges::all_of(target->disk_bytes(0).subspan(lba * 512, blocks * 512),
                               [&](std::byte b) { return b == value; });
  }
};

// A range without data.
struct Range {
  Range(IoOperation operation, std::uint64_t first, std::uint64_t blocks) {
    request.operation = operation;
    request.first_block = first;
    request.blocks = blocks;
    request.context = this;
    request.on_complete = [](IoRequest& r) noexcept { ++static_cast<Range*>(r.context)->completions; };
  }
  IoRequest request;
  int completions = 0;
};

}  // namespace

TEST_CASE("a refused WRITE SAME becomes writes of zeroes, of exactly the range, and is not sent again") {
  for (const auto& refusal : kRefusals) {
    for (const bool force : {false, true}) {
      Refusing rig(refusal, Opcode::write_same_16);
      std::ranges::fill(rig.target->disk_bytes(0), std::byte{0x77});
      REQUIRE(rig.units[0]->info().can_write_zeroes);
      for (int i = 0; i < 2; ++i) {
        Range range(IoOperation::write_zeroes, 3, 1500);
        range.request.force_unit_access = force;
        rig.units[0]->submit(range.request);
        rig.settle();
        CHECK(range.completions == 1);
        CHECK(range.request.status == Errc::ok);
      }
      CHECK(rig.is_filled(3, 1500, std::byte{0}));
      CHECK(rig.is_filled(0, 3, std::byte{0x77}));
      CHECK(rig.is_filled(1503, 100, std::byte{0x77}));
      CHECK(rig.count(Opcode::write_same_16) == 1);
      CHECK(rig.warnings.size() == 1);
      CHECK_FALSE(rig.units[0]->info().can_write_zeroes);
      // Durable if that was asked for: the unit has a volatile cache.
      CHECK((rig.count(kFlush) > 0) == force);
    }
  }
}

TEST_CASE("what a proof finds later does not offer a refused command again") {
  Refusing rig(kRefusals[0], Opcode::write_same_16);
  Range zeroes(IoOperation::write_zeroes, 0, 8);
  rig.units[0]->submit(zeroes.request);
  rig.settle();
  rig.nexus->doubt_units();
  rig.settle();
  REQUIRE(rig.proofs == 2);
  CHECK_FALSE(rig.units[0]->info().can_write_zeroes);
  CHECK(rig.units[0]->info().can_unmap);
}

TEST_CASE("a refused UNMAP is a success without an effect, and is not sent again") {
  for (const auto& refusal : kRefusals) {
    Refusing rig(refusal, Opcode::unmap);
    std::ranges::fill(rig.target->disk_bytes(0), std::byte{0x77});
    for (int i = 0; i < 3; ++i) {
      Range range(IoOperation::unmap, 0, 64);
      range.request.force_unit_access = i == 2;
      rig.units[0]->submit(range.request);
      rig.settle();
      CHECK(range.completions == 1);
      CHECK(range.request.status == Errc::ok);
    }
    CHECK(rig.is_filled(0, 64, std::byte{0x77}));
    CHECK(rig.count(Opcode::unmap) == 1);
    CHECK(rig.warnings.size() == 1);
    CHECK_FALSE(rig.units[0]->info().can_unmap);
    CHECK(rig.units[0]->info().can_write_zeroes);
  }
}

TEST_CASE("other errors of WRITE SAME and UNMAP are the request's errors") {
  const auto broken = Outcome::check_condition(SenseKey::hardware_error, {0x44, 0x00});
  for (const auto opcode : {Opcode::write_same_16, Opcode::unmap}) {
    Refusing rig(broken, opcode);
    Range range(opcode == Opcode::unmap ? IoOperation::unmap : IoOperation::write_zeroes, 0, 8);
    rig.units[0]->submit(range.request);
    rig.settle();
    CHECK(range.completions == 1);
    CHECK(range.request.status == Errc::hardware_error);
    CHECK(rig.warnings.empty());
    CHECK(rig.units[0]->info().can_write_zeroes);
    CHECK(rig.units[0]->info().can_unmap);
  }
}

TEST_CASE(
    "zeroes that are written because WRITE SAME is refused are held over an outage, and complete once") {
  Refusing rig(kRefusals[1], Opcode::write_same_16, holding(60s));
  std::ranges::fill(rig.target->disk_bytes(0), std::byte{0x77});
  Range range(IoOperation::write_zeroes, 0, 1500);
  rig.units[0]->submit(range.request);
  for (int i = 0; i < 1000 && rig.count(kWrite) == 0; ++i) rig.turn();
  REQUIRE(range.completions == 0);
  rig.target->drop_connections();
  rig.come_back();
  rig.settle();
  CHECK(range.completions == 1);
  CHECK(range.request.status == Errc::ok);
  CHECK(rig.is_filled(0, 1500, std::byte{0}));
}

TEST_CASE(
    "a unit that is write-protected later fails the write, is shown read-only, and is asked once only") {
  const auto protect = Outcome::check_condition(SenseKey::data_protect, {0x27, 0x00});
  Durable rig;
  rig.note([&](Opcode o) {
    if (o == Opcode::mode_sense_6) return target::byte_replaced(2, 0x80);
    return o == kWrite ? protect : Outcome{};
  });
  for (int i = 0; i < 3; ++i) {
    Io io(rig, IoOperation::write, 0, 'w');
    rig.units[0]->submit(io.request);
    rig.settle();
    CHECK(io.completions == 1);
    CHECK(io.request.status == Errc::write_protected);
  }
  CHECK(rig.units[0]->info().read_only);
  CHECK(rig.proofs == 1);
  CHECK(rig.count(kWrite) == 1);
  Io read(rig, IoOperation::read, 0);
  rig.units[0]->submit(read.request);
  rig.settle();
  CHECK(read.request.status == Errc::ok);
}

TEST_CASE("a unit that refuses writes as protected, but does not say so in its mode, causes one proof") {
  const auto protect = Outcome::check_condition(SenseKey::data_protect, {0x27, 0x00});
  Durable rig;
  rig.note([&](Opcode o) { return o == kWrite ? protect : Outcome{}; });
  for (int i = 0; i < 5; ++i) {
    Io io(rig, IoOperation::write, 0, 'w');
    rig.units[0]->submit(io.request);
    rig.settle();
    CHECK(io.request.status == Errc::write_protected);
  }
  CHECK(rig.proofs == 1);
  CHECK_FALSE(rig.units[0]->info().read_only);
}

TEST_CASE("a unit whose write protection ends is writable again") {
  Durable rig;
  for (const bool read_only : {true, false}) {
    rig.target->set_read_only(0, read_only).value();
    Io first(rig, IoOperation::read, 0);
    rig.units[0]->submit(first.request);
    rig.settle();
    CHECK(rig.units[0]->info().read_only == read_only);
    Io io(rig, IoOperation::write, 0, 'w');
    rig.units[0]->submit(io.request);
    rig.settle();
    CHECK(io.request.status == (read_only ? Errc::write_protected : Errc::ok));
  }
}

TEST_CASE(
    "a unit with protection information of any type is used without it: the target makes and checks it") {
  for (const std::uint8_t type : {1, 3, 5}) {  // PROT_EN, P_TYPE 0 to 2: types 1 to 3
    Rig rig({}, {},
            target::hook_of({{.command = Opcode::service_action_in_16,
                              .lun = 1,
                              .outcome = target::byte_replaced(12, type)}}));
    REQUIRE(rig.units.size() == 2);
    Io io(rig, IoOperation::write, 0, 'p');
    rig.units[1]->submit(io.request);
    rig.settle();
    CHECK(io.request.status == Errc::ok);
  }
}
