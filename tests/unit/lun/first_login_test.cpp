// SPDX-License-Identifier: Apache-2.0
// The first login takes the units that it can use, and says why it does not take the others.
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "target/quirk.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::Opcode;
using scsi::SenseKey;
using session::State;
using target::Outcome;
using target::Quirk;

namespace {

Outcome sense(SenseKey key, std::uint8_t asc, std::uint8_t ascq = 0) {
  return Outcome::check_condition(key, {asc, ascq});
}
Quirk quirk(Opcode command, Outcome outcome, std::optional<std::uint64_t> lun = 1) {
  return {.command = command, .lun = lun, .outcome = std::move(outcome)};
}
// READ CAPACITY(16) with blocks of so many bytes.
Quirk block_bytes(std::uint32_t bytes, std::optional<std::uint64_t> lun = 1) {
  return quirk(Opcode::service_action_in_16,
               Outcome::bent([bytes](auto& data) { scsi::store(data.data() + 8, bytes); }), lun);
}
const Outcome kStandby = sense(SenseKey::not_ready, 0x04, 0x0b);
const Outcome kNotMapped = sense(SenseKey::illegal_request, 0x25);

struct FirstLogin : Rig {
  explicit FirstLogin(std::vector<Quirk> quirks, SessionOptions o = {}, target::TargetConfig config = {})
      : Rig(std::move(o), std::move(config), target::hook_of(std::move(quirks))) {}
  [[nodiscard]] Error last_error() const { return nexus->record().last_error; }
  Errc read(std::size_t unit) {
    Io io(*this, IoOperation::read, 0);
    units[unit]->submit(io.request);
    settle();
    CHECK(io.completions == 1);
    return io.request.status;
  }
};

SessionOptions wanting(std::vector<std::uint64_t> luns) {
  SessionOptions options;
  options.luns = std::move(luns);
  return options;
}
SessionOptions all_or_nothing() {
  SessionOptions options;
  options.all_or_nothing = true;
  return options;
}

}  // namespace

TEST_CASE("a unit with unusable blocks is not taken, and the session is live with the others") {
  for (const std::uint32_t bytes : {0, 256, 520, 528, 4160}) {
    FirstLogin rig({block_bytes(bytes), quirk(Opcode::read_capacity_10, kNotMapped)});
    REQUIRE(rig.nexus->state() == State::live);
    REQUIRE(rig.proof.units().size() == 1);
    CHECK(rig.proof.units()[0].info.lun == 0);
    CHECK(rig.read(0) == Errc::ok);
    REQUIRE(rig.proof.not_taken().size() == 1);
    const auto& unit = rig.proof.not_taken()[0];
    CHECK(unit.lun == 1);
    if (bytes == 0) continue;
    CHECK(unit.why.code == Errc::not_supported);
    CHECK(unit.why.detail.starts_with("LUN 1: blocks of " + std::to_string(bytes) + " bytes, expected"));
  }
}

TEST_CASE("a unit of 4096-byte blocks, and one of 512-byte blocks on 4096-byte ones, are taken as they are") {
  target::TargetConfig config;
  config.luns = {{.number = 0, .bytes = Rig::kDiskBytes, .block_size = 4096, .name = "large"},
                 {.number = 1, .bytes = Rig::kDiskBytes, .name = "small"}};
  FirstLogin rig({quirk(Opcode::service_action_in_16, target::byte_replaced(13, 3))}, {}, config);
  REQUIRE(rig.proof.units().size() == 2);
  CHECK(rig.proof.units()[0].info.block_size == 4096);
  CHECK(rig.proof.units()[0].info.physical_block_size == 4096);
  CHECK(rig.proof.units()[1].info.block_size == 512);
  CHECK(rig.proof.units()[1].info.physical_block_size == 4096);
}

TEST_CASE("a unit larger than 2 TiB without READ CAPACITY(16) is not taken, one of 2 TiB less a block is") {
  const auto unknown = sense(SenseKey::illegal_request, 0x20);
  for (const bool too_large : {false, true}) {
    const std::vector<std::uint8_t> data{0xff, 0xff, 0xff, static_cast<std::uint8_t>(too_large ? 0xff : 0xfe),
                                         0,    0,    2,    0};
    FirstLogin rig({quirk(Opcode::service_action_in_16, unknown),
                    quirk(Opcode::read_capacity_10, target::replaced_by(data))});
    REQUIRE(rig.nexus->state() == State::live);
    REQUIRE(rig.proof.not_taken().size() == too_large);
    if (too_large) continue;
    CHECK(rig.proof.units()[1].info.blocks == 0xffffffff);
  }
}

TEST_CASE("a unit without capacity, or one that refuses INQUIRY, is not taken, with its own reason") {
  const auto broken = sense(SenseKey::hardware_error, 0x44);
  for (const auto command : {Opcode::inquiry, Opcode::service_action_in_16}) {
    FirstLogin rig({quirk(command, broken)});
    REQUIRE(rig.nexus->state() == State::live);
    REQUIRE(rig.proof.not_taken().size() == 1);
    CHECK(rig.proof.not_taken()[0].why.code == Errc::hardware_error);
    CHECK(rig.proof.not_taken()[0].why.detail.starts_with("LUN 1 answers "));
    CHECK(rig.proof.units().size() == 1);
  }
}

TEST_CASE("a unit in standby is taken and away from the start, and works when it is active") {
  FirstLogin rig({quirk(Opcode::test_unit_ready, kStandby), quirk(Opcode::read_10, kStandby)});
  REQUIRE(rig.nexus->state() == State::live);
  REQUIRE(rig.proof.units().size() == 2);
  const auto& info = rig.units[1]->info();
  CHECK(info.away.code == Errc::not_ready);
  CHECK(info.blocks == Rig::kDiskBytes / 512);
  CHECK_FALSE(info.wwid.empty());
  CHECK(rig.read(0) == Errc::ok);
  CHECK(rig.read(1) == Errc::not_ready);
  rig.target->set_command_hook({});
  rig.pass_in_steps(25s, 100ms);
  CHECK(rig.units[1]->info().away.code == Errc::ok);
  CHECK(rig.read(1) == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE(
    "a wanted unit that cannot be taken or is not there makes the login fail, one in standby does not") {
  const auto wanted = wanting({0, 1});
  CHECK(FirstLogin({block_bytes(520)}, wanted).last_error().code == Errc::not_supported);
  CHECK(FirstLogin({quirk(Opcode::inquiry, kNotMapped)}, wanted).last_error().code == Errc::no_such_lun);
  CHECK(FirstLogin({}, wanting({0, 7})).last_error().code == Errc::no_such_lun);
  CHECK(FirstLogin({quirk(Opcode::test_unit_ready, kStandby)}, wanted).nexus->state() == State::live);
  // Nobody has asked for the odd one.
  CHECK(FirstLogin({block_bytes(520)}, wanting({0})).nexus->state() == State::live);
}

TEST_CASE("with all_or_nothing, every unit must be usable and ready") {
  CHECK(FirstLogin({}, all_or_nothing()).nexus->state() == State::live);
  CHECK(FirstLogin({block_bytes(520)}, all_or_nothing()).last_error().code == Errc::not_supported);
  CHECK(FirstLogin({quirk(Opcode::test_unit_ready, kStandby)}, all_or_nothing()).last_error().code ==
        Errc::not_ready);
}

TEST_CASE("a login that finds no usable unit fails with a unit's reason, and attempts go on") {
  FirstLogin odd({block_bytes(520, std::nullopt)});
  CHECK(odd.nexus->state() != State::live);
  CHECK(odd.last_error().code == Errc::not_supported);
  odd.target->set_command_hook({});
  odd.come_back();
  CHECK(odd.nexus->state() == State::live);
  CHECK(odd.proof.units().size() == 2);
  CHECK(odd.proof.not_taken().empty());
  FirstLogin away({quirk(Opcode::test_unit_ready, kStandby, std::nullopt)});
  CHECK(away.last_error().code == Errc::not_ready);
}

TEST_CASE("a reason that may pass is preferred to a missing unit") {
  FirstLogin rig({quirk(Opcode::inquiry, kNotMapped, 0), quirk(Opcode::test_unit_ready, kStandby)});
  CHECK(rig.last_error().code == Errc::not_ready);
}

TEST_CASE("a unit that does not answer at a first login is named, and the next login does not take it") {
  FirstLogin rig({quirk(Opcode::inquiry, Outcome::of(Outcome::Kind::lose_command))});
  rig.pass_in_steps(6s, 50ms);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.failed_at.size() == 1);
  REQUIRE(rig.proof.not_taken().size() == 1);
  CHECK(rig.proof.not_taken()[0].lun == 1);
  CHECK(rig.proof.not_taken()[0].why.code == Errc::timed_out);
  rig.make_units();
  CHECK(rig.read(0) == Errc::ok);
}

TEST_CASE("the error of a login that a unit keeps waiting names the unit") {
  FirstLogin rig({quirk(Opcode::inquiry, Outcome::of(Outcome::Kind::lose_command))}, wanting({0, 1}));
  rig.pass_in_steps(5s + 50ms, 50ms);
  CHECK(rig.last_error().code == Errc::connect_timed_out);
  INFO(rig.last_error().detail);
  CHECK(rig.last_error().detail.find("LUN 1 has not answered") != std::string::npos);
}
