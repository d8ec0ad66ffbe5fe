// SPDX-License-Identifier: Apache-2.0
#include "target/quirk.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

namespace srpi::target::test {

namespace {

// The number of received bytes.
std::uint32_t received(Initiator& i, const scsi::Cdb& cdb, std::uint32_t lun = 0) {
  constexpr std::uint32_t kBytes = 255;
  const auto answer = i.run(cdb, kBytes, 0, lun);
  return kBytes - answer.response().data_in_residual_if_under();
}
scsi::Cdb page(std::uint8_t number) { return scsi::inquiry(true, number, 255); }

}  // namespace

TEST_CASE("a quirk is for one command, one page and one unit, from one time on and so many times") {
  Rig rig;
  Initiator i(rig);
  const auto conflict = Outcome::with_status(scsi::Status::reservation_conflict);
  rig.target->set_command_hook(hook_of({{.command = scsi::Opcode::inquiry,
                                         .page = 0x83,
                                         .lun = 1,
                                         .outcome = conflict,
                                         .skipped = 1,
                                         .times = 2}}));
  CHECK(i.run(page(0x80), 255, 0, 1).status() == 0);
  CHECK(i.run(page(0x83), 255, 0, 0).status() == 0);
  CHECK(i.run(scsi::inquiry(false, 0, 255), 255, 0, 1).status() == 0);
  for (const int expected : {0, 0x18, 0x18, 0, 0}) CHECK(i.run(page(0x83), 255, 0, 1).status() == expected);
}

TEST_CASE("a quirk that repeats begins again with the normal answers") {
  Rig rig;
  Initiator i(rig);
  rig.target->set_command_hook(hook_of({{.command = scsi::Opcode::test_unit_ready,
                                         .outcome = Outcome::with_status(scsi::Status::busy),
                                         .skipped = 2,
                                         .times = 1,
                                         .repeats = true}}));
  for (const int expected : {0, 0, 8, 0, 0, 8, 0})
    CHECK(i.run(scsi::test_unit_ready(), 0).status() == expected);
}

TEST_CASE("a quirk without a unit and without a limit is for all units for ever") {
  Rig rig;
  Initiator i(rig);
  rig.target->set_command_hook(hook_of(
      {{.command = scsi::Opcode::test_unit_ready, .outcome = Outcome::with_status(scsi::Status::busy)}}));
  for (int times = 0; times < 3; ++times)
    for (const std::uint32_t lun : {0u, 1u}) CHECK(i.run(scsi::test_unit_ready(), 0, 0, lun).status() == 8);
}

TEST_CASE("the standard data of INQUIRY and a VPD page are different questions") {
  Rig rig;
  Initiator i(rig);
  rig.target->set_command_hook(
      hook_of({{.command = scsi::Opcode::inquiry, .outcome = Outcome::with_status(scsi::Status::busy)}}));
  CHECK(i.run(scsi::inquiry(false, 0, 255), 255).status() == 8);
  CHECK(i.run(page(0x00), 255).status() == 0);
}

TEST_CASE("a quirk may cut, pad, clear, change or replace the data of an answer") {
  Rig rig;
  Initiator i(rig);
  const auto correct = received(i, page(0x80));
  REQUIRE(correct > 8);
  const auto with = [&](Outcome outcome) {
    rig.target->set_command_hook(
        hook_of({{.command = scsi::Opcode::inquiry, .page = 0x80, .outcome = std::move(outcome)}}));
    return received(i, page(0x80));
  };
  CHECK(with(cut_to(3)) == 3);
  CHECK(with(cut_to(1000)) == correct);
  CHECK(with(padded_by(5)) == correct + 5);
  CHECK(with(zeroes()) == correct);
  CHECK(i.bytes(2)[1] == 0);
  CHECK(with(byte_replaced(1, 0x83)) == correct);
  CHECK(i.bytes(2)[1] == 0x83);
  CHECK(with(byte_replaced(1000, 0x83)) == correct);
  CHECK(i.bytes(2)[1] == 0x80);
  CHECK(with(replaced_by({1, 2, 3})) == 3);
  CHECK(i.bytes(3)[2] == 3);
  rig.target->set_command_hook({});
  CHECK(received(i, page(0x80)) == correct);
}

}  // namespace srpi::target::test
