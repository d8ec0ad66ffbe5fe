// SPDX-License-Identifier: Apache-2.0
#include "scsi/designator.hpp"

#include <algorithm>

#include "catch2/catch.hpp"
#include "test/print_result.hpp"
#include "vectors.hpp"

using namespace srpi;
using namespace srpi::scsi;
using test::from_hex;

namespace {

// From LIO's srpt: NAA, T10 vendor id, relative target port, target port group, SCSI name of the port.
const auto kLioPage = from_hex(
    "00 83 00 55"
    "01 03 00 10 60 01 40 5a 1b 2c 3d 4e 5f 60 71 82 93 a4 b5 c6"
    "02 01 00 15 'LIO-ORG ' 'vol0:60c1a2b3'"
    "41 94 00 04 00 00 00 01"
    "41 95 00 04 00 00 00 00"
    "43 98 00 14 '0xfe80,t,0x0001' 00 00 00 00 00");
const auto kScsiDebugPage = from_hex(
    "00 83 00 30"
    "02 01 00 18 'Linux   scsi_debug  2000'"
    "01 03 00 08 33 33 33 30 00 00 07 d0"
    "61 94 00 04 00 00 00 01");

Designator lu(DesignatorType type, std::string_view value, CodeSet code_set = CodeSet::binary) {
  Designator out;
  out.type = type;
  out.code_set = code_set;
  out.value = from_hex(value);
  return out;
}

}  // namespace

TEST_CASE("device identification of LIO") {
  const auto out = decode_device_identification(kLioPage);
  REQUIRE(out);
  CHECK(!out->truncated);
  CHECK(out->page_bytes == kLioPage.size());
  REQUIRE(out->designators.size() == 5);
  CHECK(out->designators[0].type == DesignatorType::naa);
  CHECK(out->designators[1].type == DesignatorType::t10_vendor_id);
  CHECK(out->designators[1].code_set == CodeSet::ascii);
  CHECK(out->designators[2].association == Association::target_port);
  CHECK(out->designators[2].protocol_valid);
  CHECK(out->designators[2].protocol == 4);  // SRP
  CHECK(out->designators[4].type == DesignatorType::scsi_name_string);
  CHECK(select_wwid(*out) == "naa.6001405a1b2c3d4e5f60718293a4b5c6");
  CHECK(encode(*out) == kLioPage);
}

TEST_CASE("device identification of scsi_debug: the vendor id is preferred to a locally assigned NAA") {
  const auto out = decode_device_identification(kScsiDebugPage);
  REQUIRE(out);
  CHECK(wwid_of(out->designators[1]) == "naa.33333330000007d0");
  CHECK(select_wwid(*out) == "t10.Linux_scsi_debug_2000");
}

TEST_CASE("a designator longer than the page is an error that names its position") {
  auto page = kLioPage;
  page[27] = 0xf0;  // the length of the second designator
  const auto out = decode_device_identification(page);
  REQUIRE(!out);
  CHECK(out.error().code == Errc::protocol_error);
  CHECK(out.error().detail == "VPD 0x83: designator 2 at byte 24 claims 240 bytes, 61 left");
  const auto header = decode_device_identification(from_hex("00 83 00 02 01 03"));
  REQUIRE(!header);
  CHECK(header.error().detail == "VPD 0x83: designator 1 at byte 4 has only 2 of 4 header bytes");
}

TEST_CASE("a page cut by the allocation length yields the complete designators") {
  test::for_every_cut(kLioPage, [](Bytes cut) {
    const auto out = decode_device_identification(cut);
    CHECK(out.has_value() == (cut.size() >= 4));
    if (!out) return;
    CHECK(out->truncated);
    CHECK(out->page_bytes == kLioPage.size());
    const std::size_t ends[] = {24, 49, 57, 65, 89};
    CHECK(out->designators.size() ==
          static_cast<std::size_t>(std::count_if(std::begin(ends), std::end(ends),
                                                 [&](std::size_t end) { return end <= cut.size(); })));
  });
}

TEST_CASE("the name of each type of designator") {
  using T = DesignatorType;
  CHECK(wwid_of(lu(T::naa, "50 01 02 03 04 05 06 07")) == "naa.5001020304050607");
  CHECK(wwid_of(lu(T::naa, "20 01 02 03 04 05 06 07")) == "naa.2001020304050607");
  CHECK(wwid_of(lu(T::naa, "60 01 02 03 04 05 06 07")).empty());  // NAA 6 has 16 bytes
  CHECK(wwid_of(lu(T::naa, "90 01 02 03 04 05 06 07")).empty());  // no such NAA
  CHECK(wwid_of(lu(T::naa, "")).empty());
  CHECK(wwid_of(lu(T::eui64, "00 02 c9 03 00 00 00 01")) == "eui.0002c90300000001");
  CHECK(wwid_of(lu(T::eui64, "00 02 c9 03 00 00")).empty());
  CHECK(wwid_of(lu(T::uuid, "10 00 1b 4e 28 ba 2f a1 11 d2 88 3f 00 16 d3 cc a4 27")) ==
        "uuid.1b4e28ba-2fa1-11d2-883f-0016d3cca427");
  CHECK(wwid_of(lu(T::uuid, "20 00 1b 4e 28 ba 2f a1 11 d2 88 3f 00 16 d3 cc a4 27")).empty());
  CHECK(wwid_of(lu(T::scsi_name_string, "'iqn.2003-01.org.x:1' 00 00", CodeSet::utf8)) ==
        "iqn.2003-01.org.x:1");
  CHECK(wwid_of(lu(T::t10_vendor_id, "'LIO-ORG vol0'", CodeSet::ascii)) == "t10.LIO-ORG_vol0");
  CHECK(wwid_of(lu(T::t10_vendor_id, "'    '", CodeSet::ascii)).empty());
  CHECK(wwid_of(lu(T::md5, "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f")) ==
        "md5.000102030405060708090a0b0c0d0e0f");
  CHECK(wwid_of(lu(T::md5, "00")).empty());
  CHECK(wwid_of(lu(T::vendor_specific, "00 ff")) == "vendor.00ff");
  CHECK(wwid_of(lu(T::vendor_specific, "'disk 1'", CodeSet::ascii)) == "vendor.disk 1");
  for (const auto type :
       {T::relative_target_port, T::target_port_group, T::logical_unit_group, T::protocol_specific_port})
    CHECK(wwid_of(lu(type, "00 00 00 01")).empty());
  auto port = lu(T::naa, "50 01 02 03 04 05 06 07");
  for (const auto association :
       {Association::target_port, Association::target_device, Association::reserved}) {
    port.association = association;
    CHECK(wwid_of(port).empty());
  }
}

TEST_CASE("the chosen name does not depend on the order of the designators") {
  using T = DesignatorType;
  std::vector<Designator> all{
      lu(T::vendor_specific, "01 02"),
      lu(T::naa, "30 01 02 03 04 05 06 07"),
      lu(T::md5, "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f"),
      make_t10_vendor_id("SRPI", "x"),
      lu(T::scsi_name_string, "'iqn.2003-01.org.x'", CodeSet::utf8),
      lu(T::uuid, "10 00 1b 4e 28 ba 2f a1 11 d2 88 3f 00 16 d3 cc a4 27"),
      lu(T::eui64, "00 02 c9 03 00 00 00 01"),
      lu(T::naa, "50 01 02 03 04 05 06 07"),
      lu(T::naa, "60 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 1f"),
      make_naa(from_hex("60 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f")),
  };
  // Each step removes the best name; the next best is chosen then.
  const char* expected[] = {
      "naa.6001020304050607"
      "08090a0b0c0d0e0f",
      "naa.6001020304050607"
      "08090a0b0c0d0e1f",
      "naa.5001020304050607",
      "eui.0002c90300000001",
      "uuid.1b4e28ba-2fa1-11d2-883f-0016d3cca427",
      "iqn.2003-01.org.x",
      "t10.SRPI_x",
      "md5.000102030405060708090a0b0c0d0e0f",
      "naa.3001020304050607",
      "vendor.0102",
      ""};
  for (const auto* name : expected) {
    DeviceIdentification page;
    page.designators = all;
    for (std::size_t turn = 0; turn <= all.size(); ++turn) {
      CHECK(select_wwid(page) == name);
      if (!page.designators.empty())
        std::rotate(page.designators.begin(), page.designators.begin() + 1, page.designators.end());
    }
    std::reverse(page.designators.begin(), page.designators.end());
    CHECK(select_wwid(page) == name);
    if (!all.empty()) all.pop_back();
  }
}

TEST_CASE("decoding encoded designators yields the same values; a too long one is left out") {
  DeviceIdentification page;
  for (unsigned i = 0; i < 16; ++i) {
    Designator designator;
    designator.type = static_cast<DesignatorType>(i);
    designator.association = static_cast<Association>(i & 3);
    designator.code_set = static_cast<CodeSet>(15 - i);
    designator.protocol = static_cast<std::uint8_t>(i);
    designator.protocol_valid = (i & 1) != 0;
    designator.value.assign(i * 17, static_cast<std::uint8_t>(i));
    page.designators.push_back(designator);
    CHECK(*to_string(designator.type) != 0);
    CHECK(*to_string(designator.association) != 0);
    CHECK(*to_string(designator.code_set) != 0);
  }
  const auto expected = page.designators;
  page.designators.emplace_back().value.resize(256);
  const auto again = decode_device_identification(encode(page));
  REQUIRE(again);
  CHECK(again->designators == expected);
}
