// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <catch2/catch.hpp>

#include "frontend/nbd/serve.hpp"

using namespace srp_nbd;

TEST_CASE("an export's block sizes are valid for every block size and physical block exponent") {
  const LaneOptions lane;
  for (std::uint32_t block_size = 512; block_size <= 65536; block_size *= 2)
    for (unsigned exponent = 0; exponent <= 15; ++exponent) {
      srpi::LogicalUnitInfo unit;
      unit.blocks = 1 << 20;
      unit.block_size = block_size;
      unit.physical_block_size = block_size << exponent;
      const auto e = describe_export(unit, lane);
      CAPTURE(block_size, exponent);
      CHECK(e.block_size == block_size);
      CHECK(std::has_single_bit(e.preferred_block_size));
      CHECK(e.preferred_block_size >= std::max(e.block_size, 4096u));
      CHECK(e.preferred_block_size <= e.max_request_bytes);
      CHECK(e.max_request_bytes % e.block_size == 0);
      CHECK(e.size_bytes % e.block_size == 0);
      if (unit.physical_block_size >= 4096 && unit.physical_block_size <= e.max_request_bytes)
        CHECK(e.preferred_block_size == unit.physical_block_size);
    }
}

TEST_CASE("a unit that does not report its physical block size gets a preferred one of 4 KiB") {
  srpi::LogicalUnitInfo unit;
  unit.block_size = 512;
  unit.physical_block_size = 0;
  CHECK(describe_export(unit, LaneOptions()).preferred_block_size == 4096);
}
