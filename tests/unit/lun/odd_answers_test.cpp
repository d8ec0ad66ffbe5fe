// SPDX-License-Identifier: Apache-2.0
// Single odd answers to the questions of a proof. quirk_table_test.cpp has all of them.
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "scsi/vpd.hpp"
#include "target/quirk.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::Opcode;
using scsi::SenseKey;
using target::Outcome;
using target::Quirk;

namespace {

constexpr std::uint8_t kPages[] = {0x80, 0x83, 0xb0, 0xb1, 0xb2};

Outcome refused(std::uint8_t asc, std::uint8_t ascq = 0) {
  return Outcome::check_condition(SenseKey::illegal_request, {asc, ascq});
}
Quirk page_quirk(std::uint8_t page, Outcome outcome, unsigned times = Quirk::kEveryTime) {
  return {.command = Opcode::inquiry, .page = page, .lun = 1, .outcome = std::move(outcome), .times = times};
}

// A session whose target is odd from the first question on.
struct OddRig : Rig {
  explicit OddRig(std::vector<Quirk> quirks, target::TargetConfig config = {}, SessionOptions o = {})
      : Rig(std::move(o), std::move(config), target::hook_of(std::move(quirks))) {}
  [[nodiscard]] bool live() const { return nexus->state() == session::State::live; }
  [[nodiscard]] const lun::UnitProfile& profile(std::size_t unit) const { return proof.units()[unit]; }
  Errc run(std::size_t unit, IoOperation operation, base::Duration within = {}) {
    Io io(*this, operation, 0);
    units[unit]->submit(io.request);
    settle();
    if (within.count() > 0) pass_in_steps(within, 10ms);
    CHECK(io.completions == 1);
    return io.request.status;
  }
};

}  // namespace

TEST_CASE("a VPD page that is listed and then refused is as if it were not there, without a loss elsewhere") {
  for (const auto page : kPages) {
    INFO("page " << int{page});
    OddRig rig({page_quirk(page, refused(0x24))});
    REQUIRE(rig.live());
    CHECK(rig.run(1, IoOperation::read) == Errc::ok);
    CHECK(rig.profile(1).oddities.size() == 1);
    CHECK(rig.profile(0).oddities.empty());
    CHECK(rig.profile(1).info.serial.empty() == (page == 0x80));
    CHECK(rig.profile(1).info.wwid.empty() == (page == 0x83));
    CHECK(rig.profile(1).info.can_unmap == (page != 0xb0));
    CHECK(rig.profile(1).info.rotational == false);
    CHECK(rig.profile(1).info.can_write_zeroes == true);
  }
}

TEST_CASE("a VPD page with a wrong page code, a wrong length or too few bytes is as if it were not there") {
  for (const auto page : kPages) {
    for (auto& outcome : {target::byte_replaced(1, 0xc0), target::byte_replaced(2, 0x70), target::cut_to(5),
                          target::cut_to(2), target::zeroes(), target::replaced_by({})}) {
      INFO("page " << int{page});
      OddRig rig({page_quirk(page, outcome)});
      REQUIRE(rig.live());
      CHECK(rig.run(1, IoOperation::read) == Errc::ok);
      REQUIRE(rig.profile(1).oddities.size() == 1);
      CHECK(rig.profile(1).oddities[0].starts_with("LUN 1: VPD 0x"));
      CHECK(rig.profile(0).oddities.empty());
      CHECK(rig.profile(1).info.serial.empty() == (page == 0x80));
      CHECK(rig.profile(1).info.wwid.empty() == (page == 0x83));
    }
  }
}

TEST_CASE("a unit without a usable list of VPD pages is asked for every page, so it keeps its name") {
  for (auto& outcome : {refused(0x24), target::zeroes(), target::cut_to(4), target::cut_to(1),
                        target::byte_replaced(1, 0x83), target::byte_replaced(2, 0x70)}) {
    OddRig rig({page_quirk(0x00, outcome)});
    REQUIRE(rig.live());
    CHECK_FALSE(rig.profile(1).info.wwid.empty());
    CHECK_FALSE(rig.profile(1).info.serial.empty());
    CHECK(rig.profile(1).info.can_unmap);
  }
}

TEST_CASE("a serial number of more than 255 bytes is not taken") {
  const auto longest = scsi::encode_unit_serial(std::string(255, 'x'));
  const auto longer = scsi::encode_unit_serial(std::string(256, 'x'));
  CHECK(OddRig({page_quirk(0x80, target::replaced_by(longest))}).profile(1).info.serial.size() == 255);
  CHECK(OddRig({page_quirk(0x80, target::replaced_by(longer))}).profile(1).info.serial.empty());
}

TEST_CASE("wrong answers to MODE SENSE: a volatile cache is assumed, and flushes are sent") {
  const std::vector<std::uint8_t> another_page{15, 0, 0x10, 0, 0x0a, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (auto& outcome :
       {target::cut_to(2), target::cut_to(0), target::cut_to(4), target::zeroes(),
        target::byte_replaced(3, 200), target::byte_replaced(0, 2), target::replaced_by(another_page),
        Outcome::check_condition(SenseKey::hardware_error, {0x44, 0x00}),
        Outcome::with_status(scsi::Status::reservation_conflict)}) {
    OddRig rig({{.command = Opcode::mode_sense_6, .lun = 1, .outcome = outcome}});
    REQUIRE(rig.live());
    CHECK(rig.profile(1).info.write_cache);
    CHECK_FALSE(rig.profile(0).info.write_cache);
    REQUIRE(rig.profile(1).oddities.size() == 1);
    CHECK(rig.profile(1).oddities[0].ends_with("; the unit counts as one with a volatile cache"));
    unsigned flushes = 0;
    rig.target->set_command_hook([&](const target::CommandInfo& info) {
      flushes += static_cast<Opcode>(info.cdb[0]) == Opcode::synchronize_cache_10;
      return Outcome{};
    });
    CHECK(rig.run(1, IoOperation::flush) == Errc::ok);
    CHECK(flushes == 1);
    CHECK(rig.run(0, IoOperation::flush) == Errc::ok);
    CHECK(flushes == 1);
  }
}

TEST_CASE("a unit that does not know the caching page has no volatile cache") {
  for (const std::uint8_t asc : {0x20, 0x24}) {
    OddRig rig({{.command = Opcode::mode_sense_6, .lun = 1, .outcome = refused(asc)}});
    REQUIRE(rig.live());
    CHECK_FALSE(rig.profile(1).info.write_cache);
    CHECK(rig.profile(1).oddities.empty());
  }
}

TEST_CASE("a unit whose cache was assumed and that does not know SYNCHRONIZE CACHE has no cache") {
  for (const std::uint8_t asc : {0x20, 0x24}) {
    for (const bool forced : {false, true}) {
      OddRig rig({{.command = Opcode::mode_sense_6, .lun = 1, .outcome = target::cut_to(2)}});
      REQUIRE(rig.units[1]->info().write_cache);
      rig.target->set_command_hook([&](const target::CommandInfo& info) {
        const auto opcode = static_cast<Opcode>(info.cdb[0]);
        const bool flush = opcode == Opcode::synchronize_cache_10 || opcode == Opcode::synchronize_cache_16;
        return flush ? refused(asc) : Outcome{};
      });
      Io io(rig, forced ? IoOperation::write : IoOperation::flush, 0, 'x');
      io.request.force_unit_access = forced;
      rig.units[1]->submit(io.request);
      rig.settle();
      CHECK(io.request.status == Errc::ok);
      CHECK_FALSE(rig.units[1]->info().write_cache);
    }
  }
}

TEST_CASE("a unit that has a volatile cache and refuses SYNCHRONIZE CACHE fails the flush") {
  target::TargetConfig config;
  config.luns.push_back({.number = 0, .bytes = Rig::kDiskBytes, .name = {}, .volatile_cache = true});
  OddRig rig({{.command = Opcode::synchronize_cache_10, .outcome = refused(0x20)}}, config);
  CHECK(rig.run(0, IoOperation::flush) == Errc::not_supported);
}

TEST_CASE("READ CAPACITY(10) stands in for READ CAPACITY(16) that is refused or wrong, below 2 TiB") {
  for (auto& outcome : {refused(0x20), refused(0x24), target::cut_to(8), target::zeroes()}) {
    OddRig rig({{.command = Opcode::service_action_in_16, .lun = 1, .outcome = outcome}});
    REQUIRE(rig.live());
    CHECK(rig.profile(1).info.blocks == Rig::kDiskBytes / 512);
    CHECK(rig.run(1, IoOperation::read) == Errc::ok);
  }
}

TEST_CASE("INQUIRY data may be short: what is missing is empty, and names come from the VPD pages") {
  for (const std::size_t bytes : {1, 4, 5, 8, 35}) {
    OddRig rig({{.command = Opcode::inquiry, .lun = 1, .outcome = target::cut_to(bytes)}});
    REQUIRE(rig.live());
    CHECK(rig.profile(1).info.vendor.empty() == (bytes <= 8));
    CHECK_FALSE(rig.profile(1).info.wwid.empty());
    CHECK(rig.profile(1).oddities.size() == 1);
  }
}

TEST_CASE(
    "the first login asks again while a unit is busy or becoming ready, and so does every other proof") {
  const auto outcome = GENERATE(as<Outcome>{}, Outcome::with_status(scsi::Status::busy),
                                Outcome::with_status(scsi::Status::task_set_full),
                                Outcome::check_condition(SenseKey::not_ready, {0x04, 0x01}));
  const auto command = GENERATE(Opcode::inquiry, Opcode::test_unit_ready, Opcode::service_action_in_16);
  OddRig rig({{.command = command, .lun = 1, .outcome = outcome, .times = 2}});
  CHECK_FALSE(rig.live());
  CHECK(rig.nexus->next_deadline() <= rig.clock.now() + 100ms);
  rig.pass_in_steps(1s, 10ms);
  REQUIRE(rig.live());
  CHECK(rig.failed_at.empty());
  CHECK(rig.proof.units().size() == 2);
  CHECK(rig.profile(1).info.away.code == Errc::ok);

  rig.target->set_command_hook(
      target::hook_of({{.command = command, .lun = 1, .outcome = outcome, .times = 1}}));
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  rig.make_units();
  CHECK(rig.run(0, IoOperation::read, 1s) == Errc::ok);
  CHECK(rig.profile(1).info.away.code == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("a unit that will not tell its name for a moment is not taken without it") {
  OddRig rig({page_quirk(0x83, Outcome::with_status(scsi::Status::busy), 3)});
  rig.pass_in_steps(1s, 10ms);
  REQUIRE(rig.live());
  CHECK_FALSE(rig.profile(1).info.wwid.empty());
}

TEST_CASE("a known unit that does not tell its name any more is away, alone, until it tells it again") {
  for (auto& outcome : {refused(0x24), target::zeroes(), target::cut_to(2), target::byte_replaced(1, 0x80),
                        Outcome::check_condition(SenseKey::hardware_error, {0x44, 0x00})}) {
    OddRig rig({});
    REQUIRE(rig.live());
    rig.target->set_command_hook(target::hook_of({page_quirk(0x83, outcome)}));
    REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
    CHECK(rig.run(0, IoOperation::read) == Errc::ok);
    CHECK(rig.live());
    CHECK(rig.profile(1).info.away.code != Errc::ok);
    CHECK_FALSE(rig.profile(1).info.wwid.empty());  // as it was
    CHECK(rig.profile(0).info.away.code == Errc::ok);
    CHECK(rig.run(1, IoOperation::read) != Errc::ok);
    rig.target->set_command_hook({});
    rig.pass_in_steps(25s, 100ms);
    CHECK(rig.run(1, IoOperation::read) == Errc::ok);
    CHECK(rig.nexus->record().losses == 0);
  }
}

TEST_CASE("a known unit without its serial number is the same one by its wwid, and keeps the number") {
  OddRig rig({});
  const auto serial = rig.profile(1).info.serial;
  for (int times = 0; times < 2; ++times) {
    rig.target->set_command_hook(target::hook_of({page_quirk(0x80, target::zeroes())}));
    REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
    CHECK(rig.run(0, IoOperation::read) == Errc::ok);
    CHECK(rig.profile(1).info.away.code == Errc::ok);
    CHECK(rig.profile(1).info.serial == serial);
  }
  CHECK(rig.proofs >= 2);
}

TEST_CASE("a known unit keeps the limits that it has told, if it does not tell them in a later proof") {
  target::TargetConfig config;
  config.max_transfer_bytes = 1 << 16;
  OddRig rig({}, config);
  REQUIRE(rig.profile(1).info.max_transfer_blocks == (1u << 16) / 512);
  rig.target->set_command_hook(
      target::hook_of({page_quirk(0xb0, target::zeroes()),
                       page_quirk(0xb2, refused(0x24)),
                       {.command = Opcode::mode_sense_6, .outcome = target::zeroes()}}));
  REQUIRE(rig.target->raise_attention(0, {0x3f, 0x03}).has_value());
  CHECK(rig.run(0, IoOperation::read) == Errc::ok);
  CHECK(rig.profile(1).oddities.size() == 3);
  CHECK(rig.profile(1).info.max_transfer_blocks == (1u << 16) / 512);
  CHECK(rig.profile(1).info.can_unmap);
  CHECK(rig.profile(1).info.can_write_zeroes);
}
