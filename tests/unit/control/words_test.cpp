// SPDX-License-Identifier: Apache-2.0
#include "control/words.hpp"

#include "catch2/catch.hpp"

using namespace srp_nbd;

TEST_CASE("durations are printed with a useful number of digits") {
  CHECK(duration_text(40) == "0.0 s");
  CHECK(duration_text(3249) == "3.2 s");
  CHECK(duration_text(9949) == "9.9 s");
  CHECK(duration_text(9950) == "10 s");
  CHECK(duration_text(59499) == "59 s");
  CHECK(duration_text(59500) == "1 min 0 s");
  CHECK(duration_text(125000) == "2 min 5 s");
  CHECK(duration_text(3599499) == "59 min 59 s");
  CHECK(duration_text(3780000) == "1 h 3 min");
}

TEST_CASE("sizes are printed in the largest unit that fits") {
  CHECK(size_text(1023) == "1023 B");
  CHECK(size_text(512u << 20) == "512.0 MiB");
  CHECK(size_text(1536) == "1.5 KiB");
}
