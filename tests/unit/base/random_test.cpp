// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <array>

#include "catch2/catch.hpp"

using srpi::base::Random;

TEST_CASE("the generator yields the published first values of splitmix64 for seed 1234567") {
  Random random(1234567);
  for (const std::uint64_t expected :
       std::array<std::uint64_t, 5>{6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                    4593380528125082431u, 16408922859458223821u})
    CHECK(random.next() == expected);
}

TEST_CASE("the same seed gives the same sequence, a different seed a different one") {
  Random a(7), b(7), c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next();
    REQUIRE(value == b.next());
    differs |= value != c.next();
  }
  CHECK(differs);
}

TEST_CASE("below() reaches every value under the bound and no other value") {
  Random random(3);
  for (const std::uint64_t bound : std::array<std::uint64_t, 4>{1, 2, 7, 100}) {
    std::array<bool, 100> seen{};
    for (int i = 0; i < 5000; ++i) {
      const auto value = random.below(bound);
      REQUIRE(value < bound);
      seen[value] = true;
    }
    for (std::uint64_t v = 0; v < bound; ++v) CHECK(seen[v]);
  }
  for (int i = 0; i < 100; ++i) CHECK(random.below(~std::uint64_t{0}) < ~std::uint64_t{0});
}

TEST_CASE("chance() happens never, always, or about as often as asked for") {
  Random random(4);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) {
    REQUIRE_FALSE(random.chance(0, 5));
    REQUIRE(random.chance(5, 5));
    hits += random.chance(1, 4);
  }
  CHECK(hits > 2300);
  CHECK(hits < 2700);
}
