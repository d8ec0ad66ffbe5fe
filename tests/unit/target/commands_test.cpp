// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "scsi/capacity.hpp"
#include "scsi/designator.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/unmap.hpp"
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

TEST_CASE("INQUIRY: every page that page 0 promises, and no other") {
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

TEST_CASE("a unit's names follow its configured name, in every process") {
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

TEST_CASE("limits, characteristics, provisioning") {
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

TEST_CASE("MODE SENSE (6) and (10): write protection, cache") {
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

TEST_CASE("REPORT LUNS, at any LUN") {
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

TEST_CASE("TEST UNIT READY, REQUEST SENSE") {
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

TEST_CASE("READ and WRITE, of every length of CDB") {
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

TEST_CASE("blocks beyond the end, in every command that names blocks") {
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

TEST_CASE("no blocks at all is no error, and nothing moves") {
  Rig rig;
  Initiator i(rig);
  CHECK(i.run(scsi::read10(2048, 0), 512).response().data_in_residual_if_under() == 512);
  CHECK(i.run(scsi::write10(0, 0)).status() == 0);
}

TEST_CASE("more than the block limits page permits is refused") {
  auto config = small_config();
  config.max_transfer_bytes = 4096;
  Rig rig(config);
  Initiator i(rig);
  CHECK(i.run(scsi::read10(0, 8), 4096).status() == 0);
  CHECK(i.run(scsi::read10(0, 9), 4608).is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
}

TEST_CASE("a read-only unit reads only") {
  auto config = small_config();
  config.luns[0].read_only = true;
  Rig rig(config);
  Initiator i(rig);
  CHECK(i.run(scsi::read10(0, 1), 512).status() == 0);
  for (const auto& cdb :
       {scsi::write10(0, 1), scsi::write_same10(0, 1), scsi::write_same16(0, 1), scsi::unmap(24)})
    CHECK(i.run(cdb, 0, 512).is(SenseKey::data_protect, scsi::kWriteProtected));
}

TEST_CASE("UNMAP makes blocks read as zeroes") {
  auto config = small_config();
  config.release_unmapped_pages = GENERATE(false, true);
  Rig rig(config);
  Initiator i(rig);
  auto disk = rig.target->disk_bytes(0);
  std::memset(disk.data(), 'x', disk.size());
  const scsi::UnmapRange ranges[] = {
      {.lba = 1, .blocks = 2}, {.lba = 10, .blocks = 1000}, {.lba = 2047, .blocks = 1}};
  std::vector<std::uint8_t> list(scsi::unmap_list_bytes(3));
  CHECK(scsi::encode_unmap_list(ranges, list).value() == list.size());
  std::memcpy(i.data.data(), list.data(), list.size());
  CHECK(
      i.run(scsi::unmap(static_cast<std::uint16_t>(list.size())), 0, static_cast<std::uint32_t>(list.size()))
          .status() == 0);
  for (std::size_t block = 0; block < 2048; ++block) {
    const bool unmapped = (block >= 1 && block < 3) || (block >= 10 && block < 1010) || block == 2047;
    CHECK(disk[block * 512] == std::byte{unmapped ? std::uint8_t{0} : std::uint8_t{'x'}});
    CHECK(disk[block * 512 + 511] == disk[block * 512]);
  }
  // Nothing of a list with one bad range is done.
  const scsi::UnmapRange bad[] = {{.lba = 0, .blocks = 1}, {.lba = 2048, .blocks = 1}};
  (void)scsi::encode_unmap_list(bad, list).value();
  std::memcpy(i.data.data(), list.data(), list.size());
  CHECK(i.run(scsi::unmap(40), 0, 40).is(SenseKey::illegal_request, scsi::kLbaOutOfRange));
  CHECK(disk[0] == std::byte{'x'});
  CHECK(i.run(scsi::unmap(39), 0, 39).is(SenseKey::illegal_request, scsi::kInvalidFieldInParameterList));
  CHECK(i.run(scsi::unmap(0)).status() == 0);
  CHECK(i.run(scsi::unmap(5000), 0, 5000).is(SenseKey::illegal_request, scsi::kParameterListLengthError));
}

TEST_CASE("WRITE SAME (10) and (16): a pattern, zeroes, without data, to the end") {
  Rig rig;
  Initiator i(rig);
  auto disk = rig.target->disk_bytes(0);
  std::memset(disk.data(), 'x', disk.size());
  i.fill(0, 512);
  const std::string pattern(i.text(512));
  CHECK(i.run(scsi::write_same10(2, 3), 0, 512).status() == 0);
  CHECK(disk[2 * 512 - 1] == std::byte{'x'});
  for (std::size_t block = 2; block < 5; ++block)
    CHECK(std::memcmp(disk.data() + block * 512, pattern.data(), 512) == 0);
  CHECK(disk[5 * 512] == std::byte{'x'});
  CHECK(i.run(scsi::write_same16(2, 1, {.unmap = true, .no_data_out = true})).status() == 0);
  CHECK(disk[2 * 512] == std::byte{0});
  std::memset(i.data.data(), 0, 512);
  CHECK(i.run(scsi::write_same16(2040, 0), 0, 512).status() == 0);
  CHECK(disk[2040 * 512 - 1] == std::byte{'x'});
  CHECK(disk[disk.size() - 1] == std::byte{0});
}

TEST_CASE("a volatile cache keeps what was flushed or written with FUA, when the power fails") {
  auto config = small_config();
  config.luns[0].volatile_cache = true;
  Rig rig(config);
  Initiator i(rig);
  i.fill(0, 512);
  CHECK(i.run(scsi::write10(0, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::write10(1, 1, {.fua = true}), 0, 512).status() == 0);
  CHECK(i.run(scsi::write10(2, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::synchronize_cache10(2, 1)).status() == 0);
  CHECK(i.run(scsi::write10(3, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::read10(3, 1), 512).status() == 0);
  CHECK(i.text(1) == "A");
  rig.target->lose_caches();
  const auto disk = rig.target->disk_bytes(0);
  CHECK(disk[0] == std::byte{0});
  CHECK(disk[512] == std::byte{'A'});
  CHECK(disk[1024] == std::byte{'A'});
  CHECK(disk[1536] == std::byte{0});
  i.fill(0, 512);
  CHECK(i.run(scsi::write10(3, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::synchronize_cache16()).status() == 0);
  rig.target->lose_caches();
  CHECK(disk[1536] == std::byte{'A'});
}

TEST_CASE("a write whose data comes while the cache is lost is not acknowledged") {
  auto config = small_config();
  config.luns[0].volatile_cache = true;
  Rig rig(config);
  Initiator i(rig);
  i.fill(0, 512);
  CHECK(i.run(scsi::write10(0, 1), 0, 512).status() == 0);  // the block is not on the medium
  i.fill(0, 512, 'a');
  const wire::DirectDescriptor out[] = {i.piece(0, 512)};
  auto unit = i.command(scsi::write10(0, 1, {.fua = true}));
  unit.data_out = wire::DataBuffer::direct(out);
  const auto tag = i.send(unit);
  const auto disk = rig.target->disk_bytes(0);
  // The data is there, the target has not seen so yet.
  rig.target->poll();
  while (disk[0] != std::byte{'a'}) REQUIRE(rig.network.progress() > 0);
  rig.target->lose_cache(0);
  CHECK(i.answer_to(tag).is(SenseKey::aborted_command, scsi::kNoAdditionalSense));
  CHECK(i.run(scsi::write10(0, 1, {.fua = true}), 0, 512).status() == 0);
  rig.target->lose_cache(0);
  CHECK(disk[0] == std::byte{'a'});
}

TEST_CASE("every operation code that is not there is refused as such") {
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

TEST_CASE("any CDB at all gets an answer") {
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

TEST_CASE("a LUN without a unit") {
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

TEST_CASE("unit attentions: one each, the oldest first, INQUIRY and REPORT LUNS work before them") {
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
