// SPDX-License-Identifier: Apache-2.0
// How the first login learns which units there are.
#include "scsi/report_luns.hpp"

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

constexpr std::uint64_t kWellKnown = 0xc101'0000'0000'0000;  // the REPORT LUNS unit

Quirk list_quirk(Outcome outcome, std::optional<std::uint64_t> lun) {
  return {.command = Opcode::report_luns, .lun = lun, .outcome = std::move(outcome)};
}
Outcome listing(std::vector<scsi::Lun> luns) { return target::replaced_by(scsi::encode_report_luns(luns)); }
Outcome refusal(std::uint8_t asc) { return Outcome::check_condition(SenseKey::illegal_request, {asc, 0x00}); }

struct Listing : Rig {
  explicit Listing(std::vector<Quirk> quirks, target::TargetConfig config = {})
      : Rig({}, std::move(config), target::hook_of(std::move(quirks))) {}
  [[nodiscard]] std::vector<std::uint64_t> found() const {
    std::vector<std::uint64_t> luns;
    for (const auto& unit : proof.units()) luns.push_back(unit.info.lun);
    return luns;
  }
};

target::TargetConfig units_at(std::vector<std::uint16_t> numbers) {
  target::TargetConfig config;
  for (const auto number : numbers)
    config.luns.push_back({.number = number, .bytes = Rig::kDiskBytes, .name = "unit"});
  return config;
}

}  // namespace

TEST_CASE("if LUN 0 does not report the LUNs, the well-known unit C101h is asked") {
  for (auto& outcome : {refusal(0x25), refusal(0x20), target::cut_to(4), target::cut_to(0)}) {
    Listing rig({list_quirk(outcome, 0)}, units_at({3, 300}));
    REQUIRE(rig.nexus->state() == State::live);
    CHECK(rig.found() == std::vector<std::uint64_t>{3, 300});
    CHECK(rig.proof.luns_guessed().code == Errc::ok);
  }
}

TEST_CASE(
    "if no unit reports the LUNS, LUNs 0 to 255 are tried by INQUIRY, and the missing ones are no news") {
  for (auto& outcome : {refusal(0x25), refusal(0x20), target::cut_to(4)}) {
    Listing rig({list_quirk(outcome, std::nullopt)}, units_at({3, 255, 300}));
    REQUIRE(rig.nexus->state() == State::live);
    CHECK(rig.found() == std::vector<std::uint64_t>{3, 255});
    CHECK(rig.proof.not_taken().empty());
    CHECK(rig.proof.luns_guessed().code != Errc::ok);
  }
}

TEST_CASE("a missing unit may also answer INQUIRY with no such unit when LUNs are tried") {
  Listing rig({list_quirk(refusal(0x25), std::nullopt),
               {.command = Opcode::inquiry, .lun = 7, .outcome = refusal(0x25)}});
  CHECK(rig.found() == std::vector<std::uint64_t>{0, 1});
  CHECK(rig.proof.not_taken().empty());
}

TEST_CASE("a target that is busy with the list is asked again, not guessed about") {
  Listing rig(
      {{.command = Opcode::report_luns, .outcome = Outcome::with_status(scsi::Status::busy), .times = 3}});
  rig.pass_in_steps(1s, 10ms);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.failed_at.empty());
  CHECK(rig.proof.luns_guessed().code == Errc::ok);
}

TEST_CASE("a reported LUN that means no unit, a well-known one, or a repeated one is not asked") {
  const scsi::Lun zero{}, one{0, 1}, nothing{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
      well_known{0xc1, 1};
  Listing rig({list_quirk(listing({nothing, one, well_known, zero, one}), std::nullopt)});
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.found() == std::vector<std::uint64_t>{0, 1});
  CHECK(rig.proof.not_taken().empty());
  CHECK(rig.failed_at.empty());
}

TEST_CASE("the well-known unit is addressed as SAM-5 says") {
  CHECK(lun::wire_lun(kWellKnown) == kWellKnown);
  CHECK(scsi::is_well_known(scsi::lun_of(kWellKnown)));
  CHECK(scsi::is_unspecified(scsi::lun_of(~std::uint64_t{0})));
}

TEST_CASE("an attention that a search's REPORT LUNS takes from a unit's I/O is not lost") {
  Listing rig({{.command = Opcode::report_luns,
                .outcome = Outcome::check_condition(SenseKey::unit_attention, {0x29, 0x00}),
                .skipped = 1,
                .times = 1}});
  rig.nexus->rescan();
  rig.settle();
  const auto is_reset = [](const auto& e) { return e.second == scsi::Event::lun_reset; };
  CHECK(std::ranges::count_if(rig.events, is_reset) == 1);
}
