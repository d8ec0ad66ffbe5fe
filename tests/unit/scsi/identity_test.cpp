// SPDX-License-Identifier: Apache-2.0
#include "scsi/identity.hpp"

#include "catch2/catch.hpp"
#include "test/print_result.hpp"

using namespace srpi;
using namespace srpi::scsi;

namespace {

LogicalUnitIdentity unit() {
  return {"naa.6001405a1b2c3d4e5f60718293a4b5c6", "60c1a2b3", "LIO-ORG", "vol0", "4.0", 512, 2048};
}
void differs(const LogicalUnitIdentity& before, const LogicalUnitIdentity& now, const std::string& why,
             Errc code = Errc::identity_mismatch) {
  const auto match = compare(before, now);
  REQUIRE(!match);
  CHECK(match.error().code == code);
  CHECK(match.error().detail == why + ": expected " + to_string(before) + "; found " + to_string(now));
}

}  // namespace

TEST_CASE("to_string of an identity") {
  CHECK(to_string(unit()) ==
        "LIO-ORG vol0 rev 4.0, wwid naa.6001405a1b2c3d4e5f60718293a4b5c6, serial 60c1a2b3, 2048 blocks of "
        "512 bytes");
  CHECK(to_string(LogicalUnitIdentity{}) == "? ? rev ?, no wwid, no serial, 0 blocks of 0 bytes");
  CHECK(std::string{to_string(IdentityProof::serial)} == "serial");
}

TEST_CASE("the same unit is recognised, also after it has grown or has new firmware") {
  auto match = compare(unit(), unit());
  REQUIRE(match);
  CHECK(match->proof == IdentityProof::wwid);
  CHECK(!match->grown);
  auto now = unit();
  now.blocks = 4096;
  now.revision = "4.1";
  now.product = "renamed";
  match = compare(unit(), now);
  REQUIRE(match);
  CHECK(match->grown);
}

TEST_CASE("a different unit at the same LUN is refused") {
  auto now = unit();
  now.wwid.back() = '7';
  differs(unit(), now, "another wwid (VPD 0x83)");
  now = unit();
  now.serial = "60c1a2b4";
  differs(unit(), now, "another serial number (VPD 0x80)");
  now = unit();
  now.block_size = 4096;
  differs(unit(), now, "another block size");
  now = unit();
  now.blocks = 2047;
  differs(unit(), now, "the capacity has shrunk");
}

TEST_CASE("a unit that does not tell its name any more is not identified, which is less than another unit") {
  auto now = unit();
  now.wwid.clear();
  differs(unit(), now, "the wwid (VPD 0x83) is gone", Errc::unidentified);
  now = unit();
  now.serial.clear();
  CHECK(compare(unit(), now)->proof == IdentityProof::wwid);  // the better name is there
  auto before = unit();
  before.wwid.clear();
  now.wwid.clear();
  differs(before, now, "the serial number (VPD 0x80) is gone", Errc::unidentified);
  before.serial.clear();
  now.vendor.clear();
  CHECK(compare(before, before)->proof == IdentityProof::product);
  differs(before, now, "another vendor or product");
  now.product.clear();
  differs(before, now, "vendor and product (INQUIRY) are gone", Errc::unidentified);
  now = unit();
  now.wwid.clear();
  now.serial.back() = '9';
  differs(unit(), now, "another serial number (VPD 0x80)");
}

TEST_CASE("a new name is accepted only if another name proves the unit") {
  auto before = unit();
  before.wwid.clear();
  auto match = compare(before, unit());
  REQUIRE(match);
  CHECK(match->proof == IdentityProof::serial);
  before.serial.clear();
  differs(before, unit(), "a name that the unit did not have before", Errc::unidentified);
  before = unit();
  before.serial.clear();
  CHECK(compare(before, unit())->proof == IdentityProof::wwid);
}

TEST_CASE("a unit without names is recognised by its other properties") {
  auto before = unit();
  before.wwid.clear();
  before.serial.clear();
  auto now = before;
  now.revision = "5.0";
  CHECK(compare(before, now)->proof == IdentityProof::product);
  now.blocks = 4096;
  differs(before, now, "another capacity of a unit without wwid and serial number");
  now = before;
  now.vendor = "OTHER";
  differs(before, now, "another vendor or product");
}
