// SPDX-License-Identifier: Apache-2.0
#include "wire/lun.hpp"

#include "catch2/catch.hpp"

using namespace srpi::wire;

TEST_CASE("LUN numbers are peripheral below 256 and flat from 256") {
  CHECK(lun_from_number(0) == 0);
  CHECK(lun_from_number(5) == 0x0005000000000000);
  CHECK(lun_from_number(255) == 0x00ff000000000000);
  CHECK(lun_from_number(256) == 0x4100000000000000);
  CHECK(lun_from_number(16383) == 0x7fff000000000000);
  for (std::uint32_t n = 0; n < kFlatLuns; ++n) {
    REQUIRE(lun_number(lun_from_number(n)) == n);
    REQUIRE(lun_number(flat_lun(n)) == n);
    REQUIRE(lun_to_string(lun_from_number(n)) == std::to_string(n));
  }
}

TEST_CASE("LUNs in other forms have no number and print as their bytes") {
  const std::uint64_t kOthers[] = {
      0x0100000000000000,  // peripheral, bus 1
      0x8000000000000000,  // logical unit addressing
      0xc101000000000000,  // extended: a well-known logical unit
      0x0001000100000000,  // two levels
      0x0000000000000001,
  };
  for (const auto lun : kOthers) {
    CHECK_FALSE(lun_number(lun));
    CHECK(lun_to_string(lun).size() == 18);
  }
  CHECK(lun_to_string(0xc101000000000000) == "0xc101000000000000");
  CHECK(lun_to_string(flat_lun(5)) == "0x4005000000000000");  // must differ from peripheral LUN 5
}
