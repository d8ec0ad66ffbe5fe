// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "scsi/capacity.hpp"
#include "scsi/designator.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/vpd.hpp"
#include "support.hpp"

namespace srpi::target::test {

using scsi::SenseKey;

namespace {
scsi::Cdb vpd(scsi::VpdPage page) { return scsi::inquiry(true, static_cast<std::uint8_t>(page), 255); }
}  // namespace

TEST_CASE("INQUIRY: standard data") {
  Rig rig;
  Initiator i(rig);
  const auto answer = i.run(scsi::inquiry(false, 0, 255), 255);
  CHECK(answer.status() == 0);
  const auto received = 255 - answer.response().data_in_residual_if_under();
  const auto inquiry = scsi::decode_standard_inquiry(i.bytes(received)).value();
  CHECK(inquiry.is_block_device());
  CHECK(inquiry.vendor == "SRPI");
  CHECK(inquiry.product == "RAM-DISK");
}

TEST_CASE("INQUIRY: exactly the pages that page 0 lists are there") {
  Rig rig;
  Initiator i(rig);
  CHECK(i.run(vpd(scsi::VpdPage::supported_pages), 255).status() == 0);
  const auto pages = scsi::decode_supported_pages(i.bytes(255)).value().pages;
  CHECK(pages.size() == 6);
  const std::set<std::uint8_t> promised(pages.begin(), pages.end());
  for (unsigned page = 0; page < 256; ++page) {
    const auto answer = i.run(scsi::inquiry(true, static_cast<std::uint8_t>(page), 255), 255);
    if (promised.contains(static_cast<std::uint8_t>(page))) {
      CHECK(answer.status() == 0);
      CHECK(i.bytes(2)[1] == page);
    } else {
      CHECK(answer.is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
    }
  }
}

TEST_CASE("a unit's names depend only on its configured name") {
  Rig rig;
  Initiator i(rig);
  (void)i.run(vpd(scsi::VpdPage::unit_serial_number), 255);
  const auto serial = scsi::decode_unit_serial(i.bytes(255)).value();
  (void)i.run(vpd(scsi::VpdPage::device_identification), 255);
  const auto id = scsi::decode_device_identification(i.bytes(255)).value();
  CHECK(serial.size() == 16);
  const auto wwid = scsi::select_wwid(id);
  CHECK_FALSE(wwid.empty());

  Rig again;
  Initiator j(again);
  (void)j.run(vpd(scsi::VpdPage::device_identification), 255);
  CHECK(scsi::select_wwid(scsi::decode_device_identification(j.bytes(255)).value()) == wwid);
  (void)j.run(vpd(scsi::VpdPage::device_identification), 255, 0, 1);
  CHECK(scsi::select_wwid(scsi::decode_device_identification(j.bytes(255)).value()) != wwid);
  again.target->rename(0, "another").value();
  (void)j.run(vpd(scsi::VpdPage::device_identification), 255);
  CHECK(scsi::select_wwid(scsi::decode_device_identification(j.bytes(255)).value()) != wwid);
}

TEST_CASE("VPD pages of limits, characteristics and provisioning") {
  Rig rig;
  Initiator i(rig);
  (void)i.run(vpd(scsi::VpdPage::block_limits), 255, 0, 1);
  const auto limits = scsi::decode_block_limits(i.bytes(255)).value();
  CHECK(limits.max_transfer_blocks == (8u << 20) / 4096);
  CHECK(limits.max_unmap_descriptors == 255);
  (void)i.run(vpd(scsi::VpdPage::block_device_characteristics), 255);
  CHECK_FALSE(scsi::decode_block_device_characteristics(i.bytes(255)).value().rotational());
  (void)i.run(vpd(scsi::VpdPage::logical_block_provisioning), 255);
  const auto provisioning = scsi::decode_logical_block_provisioning(i.bytes(255)).value();
  CHECK(provisioning.unmap);
  CHECK(provisioning.reads_zeroes);
}

TEST_CASE("READ CAPACITY (10) and (16)") {
  Rig rig;
  Initiator i(rig);
  CHECK(i.run(scsi::read_capacity10(), 8).status() == 0);
  CHECK(scsi::decode_read_capacity10(i.bytes(8)).value().capacity.blocks == 2048);
  CHECK(i.run(scsi::read_capacity16(32), 32, 0, 1).status() == 0);
  const auto capacity = scsi::decode_read_capacity16(i.bytes(32)).value();
  CHECK(capacity.blocks == 256);
  CHECK(capacity.block_size == 4096);
  CHECK(capacity.provisioning_managed);
}

TEST_CASE("MODE SENSE (6) and (10): write protection and cache") {
  auto config = small_config();
  config.luns[0].volatile_cache = true;
  config.luns[1].read_only = true;
  Rig rig(config);
  Initiator i(rig);
  CHECK(i.run(scsi::mode_sense6(scsi::kModePageCaching, 192), 192).status() == 0);
  auto mode = scsi::decode_mode_sense6(i.bytes(i.bytes(1)[0] + 1u)).value();
  CHECK_FALSE(mode.write_protected);
  CHECK(mode.dpo_fua);
  CHECK(mode.caching->write_cache);
  CHECK(i.run(scsi::mode_sense10(scsi::kModePageAll, 192), 192, 0, 1).status() == 0);
  mode = scsi::decode_mode_sense10(i.bytes(i.bytes(2)[1] + 2u)).value();
  CHECK(mode.write_protected);
  CHECK_FALSE(mode.caching->write_cache);
  CHECK(i.run(scsi::mode_sense6(0x01, 192), 192).is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
}

TEST_CASE("REPORT LUNS works at any LUN") {
  auto config = small_config();
  config.luns.push_back({.number = 200, .bytes = 4096, .name = {}});
  Rig rig(config);
  Initiator i(rig);
  for (const std::uint32_t lun : {0u, 5u}) {
    CHECK(i.run(scsi::report_luns(256), 256, 0, lun).status() == 0);
    const auto luns = scsi::decode_report_luns(i.bytes(32)).value().luns;
    REQUIRE(luns.size() == 3);
    CHECK(scsi::number_of(luns[2]) == 200);
  }
}

TEST_CASE("TEST UNIT READY and REQUEST SENSE") {
  Rig rig;
  Initiator i(rig);
  CHECK(i.run(scsi::test_unit_ready()).status() == 0);
  const auto answer = i.run(scsi::request_sense(252), 252);
  CHECK(answer.status() == 0);
  CHECK(scsi::decode_sense(i.bytes(18)).value().key == SenseKey::no_sense);
  rig.target->raise_attention(0, scsi::kCapacityChanged).value();
  (void)i.run(scsi::request_sense(252, true), 252);
  const auto sense = scsi::decode_sense(i.bytes(8)).value();
  CHECK(sense.key == SenseKey::unit_attention);
  CHECK(sense.additional == scsi::kCapacityChanged);
  CHECK(i.run(scsi::test_unit_ready()).status() == 0);  // it was taken
}

TEST_CASE("READ and WRITE with every length of CDB") {
  Rig rig;
  Initiator i(rig);
  i.fill(0, 4096);
  const std::string written(i.text(1024));
  scsi::Cdb write6{{0x0a, 0, 0, 9, 2}, 6}, read6{{0x08, 0, 0, 9, 2}, 6};
  scsi::Cdb write12{{0xaa, 0, 0, 0, 0, 9, 0, 0, 0, 2}, 12}, read12{{0xa8, 0, 0, 0, 0, 9, 0, 0, 0, 2}, 12};
  const std::pair<scsi::Cdb, scsi::Cdb> pairs[] = {{write6, read6},
                                                   {scsi::write10(9, 2), scsi::read10(9, 2)},
                                                   {write12, read12},
                                                   {scsi::write16(9, 2, {.fua = true}), scsi::read16(9, 2)}};
  for (const auto& [write, read] : pairs) {
    std::memset(rig.target->disk_bytes(0).data(), 0, 8192);
    std::memcpy(i.data.data(), written.data(), written.size());
    const auto wrote = i.run(write, 0, 1024);
    CHECK(wrote.status() == 0);
    CHECK(wrote.response().flags == 0);
    CHECK(std::memcmp(rig.target->disk_bytes(0).data() + 9 * 512, written.data(), 1024) == 0);
    std::memset(i.data.data(), 0, 4096);
    CHECK(i.run(read, 1024).response().flags == 0);
    CHECK(i.text(1024) == written);
  }
  CHECK(rig.target->counters().bytes_read == 4096);
  CHECK(rig.target->counters().bytes_written == 4096);
}

TEST_CASE("every command refuses blocks beyond the end") {
  Rig rig;
  Initiator i(rig);
  const auto last = GENERATE(0, 1);
  const std::uint32_t lba = last ? 2047 : 0xffffffff;
  for (const auto& cdb : {scsi::read10(lba, 2), scsi::read16(lba, 2), scsi::read16(~std::uint64_t{0}, 2),
                          scsi::synchronize_cache10(lba, 2), scsi::synchronize_cache16(lba, 2)})
    CHECK(i.run(cdb, 1024).is(SenseKey::illegal_request, scsi::kLbaOutOfRange));
  for (const auto& cdb :
       {scsi::write10(lba, 2), scsi::write16(lba, 2), scsi::write_same10(lba, 2), scsi::write_same16(lba, 2)})
    CHECK(i.run(cdb, 0, 1024).is(SenseKey::illegal_request, scsi::kLbaOutOfRange));
  CHECK(i.run(scsi::read10(2047, 1), 512).status() == 0);
}

TEST_CASE("commands for 0 blocks succeed and transfer nothing") {
  Rig rig;
  Initiator i(rig);
  CHECK(i.run(scsi::read10(2048, 0), 512).response().data_in_residual_if_under() == 512);
  CHECK(i.run(scsi::write10(0, 0)).status() == 0);
}

TEST_CASE("transfers over the limits of the block limits page are refused") {
  auto config = small_config();
  config.max_transfer_bytes = 4096;
  Rig rig(config);
  Initiator i(rig);
  CHECK(i.run(scsi::read10(0, 8), 4096).status() == 0);
  CHECK(i.run(scsi::read10(0, 9), 4608).is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
}

TEST_CASE("a read-only unit refuses writes") {
  auto config = small_config();
  config.luns[0].read_only = true;
  Rig rig(config);
  Initiator i(rig);
  CHECK(i.run(scsi::read10(0, 1), 512).status() == 0);
  for (const auto& cdb :
       {scsi::write10(0, 1), scsi::write_same10(0, 1), scsi::write_same16(0, 1), scsi::unmap(24)})
    CHECK(i.run(cdb, 0, 512).is(SenseKey::data_protect, scsi::kWriteProtected));
}

TEST_CASE("unknown operation codes are refused with INVALID COMMAND OPERATION CODE") {
  Rig rig;
  Initiator i(rig);
  const std::set<unsigned> known = {0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x25, 0x28, 0x2a, 0x35, 0x41,
                                    0x42, 0x5a, 0x88, 0x8a, 0x91, 0x93, 0x9e, 0xa0, 0xa8, 0xaa};
  for (unsigned op = 0; op < 256; ++op) {
    if (known.contains(op)) continue;
    scsi::Cdb cdb{{static_cast<std::uint8_t>(op)}, 16};
    CHECK(i.run(cdb).is(SenseKey::illegal_request, scsi::kInvalidOperationCode));
  }
}

TEST_CASE("every CDB gets an answer") {
  Rig rig;
  Initiator i(rig);
  std::uint64_t state = 1;
  for (int n = 0; n < 3000; ++n) {
    scsi::Cdb cdb;
    cdb.length = 16;
    for (auto& byte : cdb.bytes) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      byte = n % 2 && &byte != &cdb.bytes[0] ? static_cast<std::uint8_t>(state >> 62)
                                             : static_cast<std::uint8_t>(state >> 56);
    }
    const auto answer = n % 3 ? i.run(cdb, 4096) : i.run(cdb, 0, 4096);
    CHECK(answer.opcode() == wire::Opcode::response);
  }
  CHECK(i.credits == 8);
}

TEST_CASE("commands for a LUN without a unit") {
  Rig rig;
  Initiator i(rig);
  CHECK(
      i.run(scsi::test_unit_ready(), 0, 0, 7).is(SenseKey::illegal_request, scsi::kLogicalUnitNotSupported));
  CHECK(i.run(scsi::read10(0, 1), 512, 0, 7).is(SenseKey::illegal_request, scsi::kLogicalUnitNotSupported));
  CHECK(i.run(scsi::inquiry(false, 0, 96), 96, 0, 7).status() == 0);
  const auto inquiry = scsi::decode_standard_inquiry(i.bytes(36)).value();
  CHECK(inquiry.qualifier == scsi::PeripheralQualifier::not_capable);
  CHECK(inquiry.type == scsi::DeviceType::unknown);
  CHECK(i.run(scsi::request_sense(18), 18, 0, 7).status() == 0);
  CHECK(scsi::decode_sense(i.bytes(18)).value().additional == scsi::kLogicalUnitNotSupported);
  auto odd = i.command(scsi::test_unit_ready());
  odd.lun = 0xc101000000000000;  // the well-known REPORT LUNS unit
  CHECK(i.answer_to(i.send(odd)).is(SenseKey::illegal_request, scsi::kLogicalUnitNotSupported));
}

TEST_CASE("unit attentions are reported once, the oldest first; INQUIRY and REPORT LUNS work before that") {
  auto config = small_config();
  config.login_attention = scsi::kPowerOnOrReset;
  Rig rig(config);
  Initiator i(rig);
  rig.target->resize(0, 4096).value();
  rig.target->resize(0, 8192).value();
  CHECK(i.run(scsi::inquiry(false, 0, 36), 36).status() == 0);
  CHECK(i.run(scsi::report_luns(64), 64).status() == 0);
  CHECK(i.run(scsi::read_capacity10(), 8).is(SenseKey::unit_attention, scsi::kPowerOnOrReset));
  CHECK(i.run(scsi::read_capacity10(), 8).is(SenseKey::unit_attention, scsi::kCapacityChanged));
  CHECK(i.run(scsi::read_capacity10(), 8).status() == 0);
  CHECK(scsi::decode_read_capacity10(i.bytes(8)).value().capacity.blocks == 16);
}

}  // namespace srpi::target::test
