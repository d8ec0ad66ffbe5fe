// SPDX-License-Identifier: Apache-2.0
#include "srpi/target_lists.hpp"

#include <string>

#include "catch2/catch.hpp"

using namespace srpi;

namespace {

bool same(std::string_view a, std::string_view b) {
  return is_same_target(parse_target(a)->address, parse_target(b)->address);
}

constexpr std::string_view kIb =
    "id_ext=200400A0B81146A1,ioc_guid=0002c90200402bd4,dgid=fe800000000000000002c90200402bd5,pkey=ffff,"
    "service_id=200400a0b81146a1";

// 0: none.
std::size_t position(std::string_view text) {
  return error_position(parse_target(text).error(), text).value_or(0);
}

}  // namespace

TEST_CASE("two forms of the same port id and address are the same target") {
  CHECK(same("srp://[2001:DB8::1]:5555/?id_ext=1&ioc_guid=2",
             "id_ext=01,ioc_guid=2,dest=[2001:db8:0:0::1]:5555"));
  CHECK(same("srp://Store.example:1/?id_ext=1&ioc_guid=2", "srp://store.EXAMPLE:1/?id_ext=1&ioc_guid=2"));
  CHECK(same(kIb, std::string(kIb) + ",max_sect=65535"));
  CHECK(same("srp://a:1/?id_ext=1&ioc_guid=2&src=10.0.0.7", "srp://a:1/?id_ext=1&ioc_guid=2"));
  CHECK_FALSE(
      same("srp://a:1/?id_ext=1&ioc_guid=2&src=10.0.0.7", "srp://a:1/?id_ext=1&ioc_guid=2&src=10.0.0.8"));
  CHECK_FALSE(same("srp://a:1/?id_ext=1&ioc_guid=2", "srp://a:2/?id_ext=1&ioc_guid=2"));
  CHECK_FALSE(same("srp://a:1/?id_ext=1&ioc_guid=2", "srp://b:1/?id_ext=1&ioc_guid=2"));
  CHECK_FALSE(same("srp://a:1/?id_ext=1&ioc_guid=2", "srp://a:1/?id_ext=2&ioc_guid=2"));
  auto other_partition = std::string(kIb), limited_member = other_partition;
  other_partition.replace(other_partition.find("ffff"), 4, "8001");
  limited_member.replace(limited_member.find("ffff"), 4, "7fff");
  CHECK_FALSE(same(kIb, other_partition));
  CHECK(same(kIb, limited_member));
  CHECK(same("ram://8M", "ram://8388608"));
  CHECK_FALSE(same("ram://8M", "ram://16M"));
  CHECK_FALSE(same("ram://8M", kIb));
}

TEST_CASE("the position of an error is that of the wrong key, not of words that the text has") {
  CHECK(position("id_ext=1,ioc_guid=xyz,dest=a:1") == 10);
  CHECK(position("id_ext=1,nonsense=2,ioc_guid=3,dest=a:1") == 10);
  CHECK(position("id_ext=1,ioc_guid=2,x at character 3=1,dest=a:1") == 21);
  CHECK(position("x at character 2004,dest=a:1") == 1);
  CHECK(position("id_ext=1,\"at character 9999\",dest=a:1") != 9999);
  CHECK(position("nonsense=1") == 0);
}
