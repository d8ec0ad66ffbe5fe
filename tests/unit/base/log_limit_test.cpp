// SPDX-License-Identifier: Apache-2.0
#include "srpi/log_limit.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using srpi::LogLimit;

TEST_CASE("lines beyond the limit are left out, counted, and told with the next line") {
  LogLimit limit;
  const LogLimit::Time start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < LogLimit::kLines; ++i) CHECK(limit.pass(start) == "");
  for (int i = 0; i < 200000; ++i) CHECK_FALSE(limit.pass(start + 9s));
  CHECK(limit.pass(start + 10s) == " (200000 more like this before)");
  CHECK(limit.pass(start + 10s) == "");
  CHECK(limit.pass(start + 60s) == "");
}
