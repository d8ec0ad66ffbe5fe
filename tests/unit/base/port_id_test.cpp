// SPDX-License-Identifier: Apache-2.0
#include "srpi/port_id.hpp"

#include "base/random.hpp"
#include "catch2/catch.hpp"
#include "test/print_result.hpp"

using namespace srpi;

TEST_CASE("a port id consists of the extension, then the GUID") {
  const auto id = PortId::make(0x0123456789abcdef, 0xfedcba9876543210);
  CHECK(id.to_string() == "0123456789abcdeffedcba9876543210");
  CHECK(id.bytes[0] == 0x01);
  CHECK(id.bytes[15] == 0x10);
  CHECK_FALSE(id.is_zero());
  CHECK(PortId{}.is_zero());
}

TEST_CASE("port ids are parsed with and without 0x, in upper and lower case") {
  const auto id = PortId::make(0x0123456789abcdef, 0xfedcba9876543210);
  CHECK(PortId::parse("0123456789abcdeffedcba9876543210").value() == id);
  CHECK(PortId::parse("0x0123456789ABCDEFfedcba9876543210").value() == id);
}

TEST_CASE("a port id that is not 32 hex digits is refused; the error names the character") {
  for (const auto* text :
       {"", "0x", "0123", "0123456789abcdeffedcba987654321", "0123456789abcdeffedcba98765432100",
        "0123456789abcdef fedcba987654321", "0123456789abcdeg0123456789abcdef"}) {
    const auto id = PortId::parse(text);
    INFO(text);
    REQUIRE(id.has_error());
    CHECK(id.error().code == Errc::invalid_argument);
  }
  CHECK(PortId::parse("0123").error().detail == "port id: 4 characters instead of 32 hex digits");
  CHECK(PortId::parse("0x0123456789abcdeg0123456789abcdef").error().detail ==
        "port id: character 18 is not a hex digit");
}

TEST_CASE("parse reads what to_string prints, and port ids compare by their bytes") {
  base::Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto id = PortId::make(random.next(), random.next());
    REQUIRE(PortId::parse(id.to_string()).value() == id);
  }
  CHECK(PortId::make(1, 0) > PortId::make(0, ~std::uint64_t{0}));
}
