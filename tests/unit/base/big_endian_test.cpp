// SPDX-License-Identifier: Apache-2.0
#include "base/big_endian.hpp"

#include <array>
#include <limits>

#include "base/random.hpp"
#include "catch2/catch.hpp"

using namespace srpi::base;

namespace {

template<class Field>
std::array<std::uint8_t, sizeof(Field)> bytes_of(const Field& field) {
  std::array<std::uint8_t, sizeof(Field)> bytes;
  std::memcpy(bytes.data(), &field, sizeof field);
  return bytes;
}

}  // namespace

TEST_CASE("big-endian fields have the most significant byte first") {
  CHECK(bytes_of(be16{0x0102}) == std::array<std::uint8_t, 2>{1, 2});
  CHECK(bytes_of(be32{0x01020304}) == std::array<std::uint8_t, 4>{1, 2, 3, 4});
  CHECK(bytes_of(be64{0x0102030405060708}) == std::array<std::uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(bytes_of(BigEndian<std::uint8_t>{7}) == std::array<std::uint8_t, 1>{7});
}

TEST_CASE("big-endian fields start as zero and work at compile time") {
  static_assert(be64{} == 0);
  static_assert(be16{0xfffe} == 0xfffe);
  constexpr be32 field = 0xdeadbeef;
  static_assert(field == 0xdeadbeef);
  CHECK(bytes_of(be32{}) == std::array<std::uint8_t, 4>{});
}

TEST_CASE("big-endian fields return the assigned value at any address") {
  struct Odd {
    std::uint8_t first;
    be64 eight;
    be16 two;
    be32 four;
  };
  static_assert(sizeof(Odd) == 15);
  Odd odd{};
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto value = random.next();
    odd.eight = value;
    odd.four = static_cast<std::uint32_t>(value);
    odd.two = static_cast<std::uint16_t>(value);
    REQUIRE(odd.eight == value);
    REQUIRE(odd.four == static_cast<std::uint32_t>(value));
    REQUIRE(odd.two == static_cast<std::uint16_t>(value));
  }
  odd.eight = std::numeric_limits<std::uint64_t>::max();
  CHECK(odd.eight == std::numeric_limits<std::uint64_t>::max());
}
