// SPDX-License-Identifier: Apache-2.0
#include "catch2/catch.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/vpd.hpp"
#include "test/print_result.hpp"
#include "vectors.hpp"

using namespace srpi;
using namespace srpi::scsi;
using test::from_hex;

namespace {

const auto kLioInquiry = from_hex("00 00 06 12 1f 18 00 02 'LIO-ORG ' 'vol0            ' '4.0 '");
const auto kScsiDebugInquiry = from_hex(
    "00 00 07 02 5b 00 10 06 'Linux   ' 'scsi_debug      ' '0191'"
    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 c0 05 c0 06 00 04 c0");
// From LIO's iblock: transfers of 2048 blocks, UNMAP of up to 8192 blocks.
const auto kBlockLimits = from_hex(
    "00 b0 00 3c 01 01 00 08 00 00 08 00 00 00 04 00 00 00 00 00 00 00 20 00 00 00 00 01 00 00 00 08"
    "80 00 00 04 00 00 00 00 00 00 ff ff 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");

}  // namespace

TEST_CASE("standard INQUIRY data of LIO and scsi_debug") {
  const auto lio = decode_standard_inquiry(kLioInquiry);
  REQUIRE(lio);
  CHECK(lio->is_block_device());
  CHECK(lio->version == 6);
  CHECK(lio->vendor == "LIO-ORG");
  CHECK(lio->product == "vol0");
  CHECK(lio->revision == "4.0");
  CHECK(lio->command_queuing);
  CHECK(!lio->protection);
  CHECK(!lio->removable);

  const auto debug = decode_standard_inquiry(kScsiDebugInquiry);
  REQUIRE(debug);
  CHECK(debug->vendor == "Linux");
  CHECK(debug->product == "scsi_debug");
  CHECK(debug->revision == "0191");

  const auto nothing = decode_standard_inquiry(from_hex("7f 00 06 12 1f 00 00 00"));
  REQUIRE(nothing);
  CHECK(nothing->qualifier == PeripheralQualifier::not_capable);
  CHECK(nothing->type == DeviceType::unknown);
  CHECK(!nothing->is_block_device());
}

TEST_CASE("INQUIRY data cut at any byte yields the received fields") {
  test::for_every_cut(kLioInquiry, [](Bytes cut) {
    const auto inquiry = decode_standard_inquiry(cut);
    CHECK(inquiry.has_value() == !cut.empty());
    if (!inquiry) return;
    CHECK(inquiry->version == (cut.size() < 3 ? 0 : 6));
    CHECK(inquiry->vendor.empty() == (cut.size() < 9));
    CHECK(inquiry->product.empty() == (cut.size() < 17));
    CHECK(inquiry->revision.empty() == (cut.size() < 33));
  });
  // The length that the data states limits the fields, too.
  auto shorter = kLioInquiry;
  shorter[4] = 11;
  CHECK(decode_standard_inquiry(shorter)->product.empty());
}

TEST_CASE("unprintable bytes in text fields are escaped") {
  CHECK(text_of(from_hex("20 00 'a b' 00 20")) == "a b");
  CHECK(text_of(from_hex("'a' 0a 'b' ff")) == "a\\x0ab\\xff");
  CHECK(text_of(from_hex("'a\\x'")) == "a\\x5cx");
  CHECK(text_of({}).empty());
  CHECK(text_of(from_hex("20 20 20")).empty());
}

TEST_CASE("decoding encoded INQUIRY data yields the same values") {
  for (const unsigned first : {0x00u, 0x7fu, 0x20u, 0x0cu, 0x14u}) {
    StandardInquiry inquiry;
    inquiry.qualifier = static_cast<PeripheralQualifier>(first >> 5);
    inquiry.type = static_cast<DeviceType>(first & 0x1f);
    inquiry.version = 6;
    inquiry.removable = inquiry.protection = first != 0;
    inquiry.command_queuing = true;
    inquiry.vendor = "SRPI";
    inquiry.product = "sixteen chars ok";
    inquiry.revision = "0.1";
    CHECK(encode(inquiry).size() == kStandardInquiryBytes);
    CHECK(*decode_standard_inquiry(encode(inquiry)) == inquiry);
  }
}

TEST_CASE("a VPD page other than the expected one is an error that names it") {
  const auto page = from_hex("00 00 00 03 00 80 83");
  const auto supported = decode_supported_pages(page);
  REQUIRE(supported);
  CHECK(supported->pages == from_hex("00 80 83"));
  CHECK(supported->contains(VpdPage::device_identification));
  CHECK(!supported->contains(VpdPage::block_limits));
  CHECK(!supported->truncated);
  CHECK(encode(*supported) == page);
  const auto wrong = decode_unit_serial(page);
  REQUIRE(!wrong);
  CHECK(wrong.error().code == Errc::protocol_error);
  CHECK(wrong.error().detail == "VPD 0x80: received page 0x00 instead");
  const auto none = decode_block_limits({});
  REQUIRE(!none);
  CHECK(none.error().detail == "VPD 0xb0: 0 bytes, less than the 4 bytes of the header");
}

TEST_CASE("bytes after the end of a VPD page are ignored") {
  const auto supported = decode_supported_pages(from_hex("00 00 00 02 00 80 83 b0 b1 b2"));
  CHECK(supported->pages == from_hex("00 80"));
}

TEST_CASE("VPD pages cut at any byte are marked as truncated") {
  test::for_every_cut(kBlockLimits, [](Bytes cut) {
    const auto view = open_vpd(cut, VpdPage::block_limits);
    CHECK(view.has_value() == (cut.size() >= 4));
    if (!view) return;
    CHECK(view->truncated);
    CHECK(view->page_bytes == 64);
    const auto limits = decode_block_limits(cut);
    REQUIRE(limits);
    CHECK(limits->max_transfer_blocks == (cut.size() >= 12 ? 2048u : 0u));
    CHECK(limits->max_unmap_blocks == (cut.size() >= 24 ? 8192u : 0u));
    CHECK(limits->unmap_alignment_blocks == (cut.size() >= 36 ? 4u : 0u));
    CHECK(limits->max_write_same_blocks == (cut.size() >= 44 ? 65535u : 0u));
  });
}

TEST_CASE("padding of unit serial numbers is dropped") {
  // LIO's serial number ends with a zero byte, which the length includes.
  CHECK(*decode_unit_serial(from_hex("00 80 00 09 '60c1a2b3' 00")) == "60c1a2b3");
  CHECK(*decode_unit_serial(from_hex("00 80 00 08 '    2000'")) == "2000");
  CHECK(decode_unit_serial(from_hex("00 80 00 00"))->empty());
  CHECK(*decode_unit_serial(encode_unit_serial("abc-1")) == "abc-1");
}

TEST_CASE("block limits of SBC-3 and of the shorter SBC-2") {
  const auto limits = decode_block_limits(kBlockLimits);
  REQUIRE(limits);
  CHECK(limits->write_same_non_zero);
  CHECK(limits->max_compare_and_write_blocks == 1);
  CHECK(limits->optimal_granularity_blocks == 8);
  CHECK(limits->max_transfer_blocks == 2048);
  CHECK(limits->optimal_transfer_blocks == 1024);
  CHECK(limits->max_unmap_blocks == 8192);
  CHECK(limits->max_unmap_descriptors == 1);
  CHECK(limits->unmap_granularity_blocks == 8);
  CHECK(limits->unmap_alignment_blocks == 4);
  CHECK(limits->max_write_same_blocks == 65535);
  CHECK(encode(*limits) == kBlockLimits);

  const auto old = decode_block_limits(from_hex("00 b0 00 0c 00 00 00 08 00 00 ff ff 00 00 00 80"));
  REQUIRE(old);
  CHECK(old->max_transfer_blocks == 0xffff);
  CHECK(old->optimal_transfer_blocks == 0x80);
  CHECK(old->max_unmap_blocks == 0);

  // Without UGAVALID the alignment is ignored.
  auto without = kBlockLimits;
  without[32] = 0;
  CHECK(decode_block_limits(without)->unmap_alignment_blocks == 0);
}

TEST_CASE("block device characteristics") {
  const auto rate = [](std::uint16_t rpm) {
    const auto page = encode(BlockDeviceCharacteristics{rpm, 3, 1});
    CHECK(page.size() == 64);
    const auto out = decode_block_device_characteristics(page);
    REQUIRE(out);
    CHECK(*out == BlockDeviceCharacteristics{rpm, 3, 1});
    return out->rotational();
  };
  CHECK(!rate(0));
  CHECK(!rate(1));
  CHECK(!rate(0x400));
  CHECK(rate(5400));
  CHECK(rate(15000));
  CHECK(!rate(0xffff));
}

TEST_CASE("logical block provisioning") {
  const auto lio = decode_logical_block_provisioning(from_hex("00 b2 00 04 00 e4 02 00"));
  REQUIRE(lio);
  CHECK((lio->unmap && lio->write_same_16 && lio->write_same_10 && lio->reads_zeroes && !lio->anchor));
  CHECK(lio->type == ProvisioningType::thin);
  CHECK(*decode_logical_block_provisioning(encode(*lio)) == *lio);
  // SBC-4's provisioning initialization pattern does not count as zeroes.
  CHECK(!decode_logical_block_provisioning(from_hex("00 b2 00 04 00 88 02 00"))->reads_zeroes);
}

TEST_CASE("every INQUIRY and VPD value has a text") {
  for (unsigned i = 0; i < 8; ++i) {
    CHECK(*to_string(static_cast<PeripheralQualifier>(i)) != 0);
    CHECK(*to_string(static_cast<ProvisioningType>(i)) != 0);
  }
  for (unsigned i = 0; i < 32; ++i) CHECK(*to_string(static_cast<DeviceType>(i)) != 0);
  for (unsigned i = 0; i < 256; ++i) CHECK(*to_string(static_cast<VpdPage>(i)) != 0);
  CHECK(std::string{to_string(VpdPage::block_limits)} == "block limits");
}
