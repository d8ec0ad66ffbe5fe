// SPDX-License-Identifier: Apache-2.0
#include "scsi/limits.hpp"

#include "catch2/catch.hpp"
#include "scsi/unmap.hpp"
#include "test/print_result.hpp"

using namespace srpi;
using namespace srpi::scsi;

namespace {

Capacity thin_capacity(std::uint32_t block_size = 512) {
  Capacity capacity;
  capacity.blocks = 1 << 20;
  capacity.block_size = block_size;
  capacity.physical_exponent = 3;
  capacity.provisioning_managed = capacity.reads_zeroes = true;
  return capacity;
}
constexpr InitiatorLimits kOneMiB{.max_transfer_bytes = 1 << 20};

}  // namespace

TEST_CASE("without VPD pages the initiator's limits apply") {
  const auto limits = combine(thin_capacity(), {}, {}, kOneMiB);
  REQUIRE(limits);
  CHECK(limits->max_transfer_blocks == 2048);
  CHECK(limits->optimal_transfer_blocks == 0);
  CHECK(limits->optimal_granularity_blocks == 1);
  CHECK(limits->physical_block_size == 4096);
  CHECK(!limits->can_unmap);
  CHECK(limits->max_write_same_blocks == (1u << 30) / 512);
  CHECK(!limits->write_same_can_unmap);
}

TEST_CASE("the smaller of both limits applies, and zero is no limit") {
  BlockLimits reported;
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->max_transfer_blocks == 2048);
  reported.max_transfer_blocks = 100;
  reported.optimal_transfer_blocks = 64;
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->max_transfer_blocks == 100);
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->optimal_transfer_blocks == 64);
  reported.optimal_transfer_blocks = 0xffffffff;
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->optimal_transfer_blocks == 100);
  reported.max_transfer_blocks = 0xffffffff;
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->max_transfer_blocks == 2048);
  reported.max_write_same_blocks = 7;
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->max_write_same_blocks == 7);
}

TEST_CASE("blocks of 512, 1024, 2048, 4096 and 8192 bytes can be served, others cannot") {
  for (const std::uint32_t bytes : {512, 1024, 2048, 4096, 8192})
    CHECK(combine(thin_capacity(bytes), {}, {}, kOneMiB)->max_transfer_blocks == (1u << 20) / bytes);
  for (const std::uint32_t bytes : {1, 256, 511, 513, 520, 528, 4104, 4160}) {
    const auto limits = combine(thin_capacity(bytes), {}, {}, kOneMiB);
    REQUIRE(!limits);
    CHECK(limits.error().code == Errc::not_supported);
    CHECK(limits.error().detail == "blocks of " + std::to_string(bytes) +
                                       " bytes, expected a power of two from 512 to 1048576 (the maximum "
                                       "transfer)");
  }
}

TEST_CASE("a physical block is at most as large as a transfer, otherwise the logical block counts") {
  auto capacity = thin_capacity();
  capacity.physical_exponent = 11;
  CHECK(combine(capacity, {}, {}, kOneMiB)->physical_block_size == 1u << 20);
  capacity.physical_exponent = 12;
  CHECK(combine(capacity, {}, {}, kOneMiB)->physical_block_size == 512);
  capacity = thin_capacity(512 << 10);
  capacity.physical_exponent = 15;
  CHECK(combine(capacity, {}, {}, kOneMiB)->physical_block_size == 512 << 10);
}

TEST_CASE("a block larger than the maximum transfer is an error") {
  CHECK(!combine(thin_capacity(), {}, {}, {.max_transfer_bytes = 511}));
  CHECK(!combine(thin_capacity(0), {}, {}, kOneMiB));
  CHECK(combine(thin_capacity(), {}, {}, {.max_transfer_bytes = 512})->max_transfer_blocks == 1);
}

TEST_CASE("no reported value makes a limit overflow") {
  BlockLimits all;
  all.optimal_granularity_blocks = 0xffff;
  all.max_transfer_blocks = all.optimal_transfer_blocks = all.max_unmap_blocks = all.max_unmap_descriptors =
      0xffffffff;
  all.unmap_granularity_blocks = 0xffffffff;
  all.unmap_alignment_blocks = 0x7fffffff;
  all.max_write_same_blocks = ~0ull;
  LogicalBlockProvisioning provisioning;
  provisioning.unmap = provisioning.write_same_16 = provisioning.reads_zeroes = true;
  auto capacity = thin_capacity(512);
  capacity.physical_exponent = 15;
  const auto limits =
      combine(capacity, all, provisioning, {.max_transfer_bytes = ~0ull, .max_write_same_bytes = ~0ull});
  REQUIRE(limits);
  CHECK(limits->max_transfer_blocks == 0xffffffff);
  CHECK(limits->max_write_same_blocks == 0xffffffff);
  CHECK(limits->max_unmap_blocks == 0xffffffff);
  CHECK(limits->max_unmap_descriptors == kMaxUnmapDescriptors);
  CHECK(limits->unmap_alignment_blocks == 0x7fffffff);

  capacity.block_size = 0x80000000;
  const auto huge =
      combine(capacity, all, provisioning, {.max_transfer_bytes = 0xffffffff, .max_write_same_bytes = 0});
  REQUIRE(huge);
  CHECK(huge->physical_block_size == 0x80000000);
  CHECK(huge->max_transfer_blocks == 1);
  CHECK(huge->max_write_same_blocks == 1);
}

TEST_CASE("UNMAP needs LBPME, both maxima, and LBPU if the unit has that page") {
  BlockLimits reported;
  reported.max_unmap_blocks = 8192;
  reported.max_unmap_descriptors = 1;
  LogicalBlockProvisioning provisioning;
  provisioning.unmap = true;
  auto limits = combine(thin_capacity(), reported, provisioning, kOneMiB);
  CHECK(limits->can_unmap);
  CHECK(limits->max_unmap_blocks == 8192);
  CHECK(limits->max_unmap_descriptors == 1);
  CHECK(limits->unmap_granularity_blocks == 1);
  CHECK(combine(thin_capacity(), reported, {}, kOneMiB)->can_unmap);

  provisioning.unmap = false;
  CHECK(!combine(thin_capacity(), reported, provisioning, kOneMiB)->can_unmap);
  auto thick = thin_capacity();
  thick.provisioning_managed = false;
  CHECK(!combine(thick, reported, {}, kOneMiB)->can_unmap);
  reported.max_unmap_descriptors = 0;
  CHECK(!combine(thin_capacity(), reported, {}, kOneMiB)->can_unmap);

  reported.max_unmap_descriptors = 4;
  reported.unmap_granularity_blocks = 8;
  reported.unmap_alignment_blocks = 12;
  limits = combine(thin_capacity(), reported, {}, kOneMiB);
  CHECK(limits->unmap_granularity_blocks == 8);
  CHECK(limits->unmap_alignment_blocks == 4);
}

TEST_CASE("unmapped blocks count as zeroes only if capacity and VPD page agree") {
  LogicalBlockProvisioning provisioning;
  provisioning.write_same_16 = true;
  CHECK(combine(thin_capacity(), {}, provisioning, kOneMiB)->write_same_can_unmap);
  CHECK(!combine(thin_capacity(), {}, provisioning, kOneMiB)->unmapped_reads_zeroes);
  provisioning.reads_zeroes = true;
  CHECK(combine(thin_capacity(), {}, provisioning, kOneMiB)->unmapped_reads_zeroes);
  CHECK(combine(thin_capacity(), {}, {}, kOneMiB)->unmapped_reads_zeroes);
  auto capacity = thin_capacity();
  capacity.reads_zeroes = false;
  CHECK(!combine(capacity, {}, provisioning, kOneMiB)->unmapped_reads_zeroes);
}
