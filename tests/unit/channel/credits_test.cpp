// SPDX-License-Identifier: Apache-2.0
// The request limit and the target's signed deltas.
#include "channel/credits.hpp"

#include <catch2/catch.hpp>
#include <limits>

using srpi::channel::Credits;

TEST_CASE("row 15: the last credit is reserved for task management") {
  Credits credits;
  credits.reset(2);
  CHECK(credits.for_command());
  credits.spend();
  CHECK_FALSE(credits.for_command());
  CHECK(credits.for_task_management());
  credits.spend();
  CHECK_FALSE(credits.for_task_management());
  CHECK(credits.add(-5));
  CHECK(credits.available() == -5);
  CHECK_FALSE(credits.for_task_management());
  CHECK(credits.add(7));
  CHECK(credits.for_command());
}

TEST_CASE("row 15: an impossible sum of credits is reported in both directions and does not overflow") {
  constexpr auto kLeast = std::numeric_limits<std::int32_t>::min();
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  Credits credits;
  credits.reset(128);
  CHECK(credits.add(Credits::kMost - 128));
  CHECK_FALSE(credits.add(1));
  credits.reset(0);
  CHECK(credits.add(-Credits::kMost));
  CHECK_FALSE(credits.add(-1));
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(credits.add(kLeast));
  CHECK(credits.available() < -std::int64_t{1000} * kMost);
  credits.reset(0);
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(credits.add(kMost));
  CHECK(credits.available() == std::int64_t{1000} * kMost);
}
