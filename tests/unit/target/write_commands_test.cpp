// SPDX-License-Identifier: Apache-2.0
// UNMAP, WRITE SAME and the volatile cache.
#include <catch2/catch.hpp>

#include "scsi/unmap.hpp"
#include "support.hpp"

namespace srpi::target::test {

using scsi::SenseKey;

TEST_CASE("UNMAP makes blocks read as zeroes") {
  auto config = small_config();
  config.release_unmapped_pages = GENERATE(false, true);
  Rig rig(config);
  Initiator i(rig);
  auto disk = rig.target->disk_bytes(0);
  std::memset(disk.data(), 'x', disk.size());
  const scsi::UnmapRange ranges[] = {
      {.lba = 1, .blocks = 2}, {.lba = 10, .blocks = 1000}, {.lba = 2047, .blocks = 1}};
  std::vector<std::uint8_t> list(scsi::unmap_list_bytes(3));
  CHECK(scsi::encode_unmap_list(ranges, list).value() == list.size());
  std::memcpy(i.data.data(), list.data(), list.size());
  CHECK(
      i.run(scsi::unmap(static_cast<std::uint16_t>(list.size())), 0, static_cast<std::uint32_t>(list.size()))
          .status() == 0);
  for (std::size_t block = 0; block < 2048; ++block) {
    const bool unmapped = (block >= 1 && block < 3) || (block >= 10 && block < 1010) || block == 2047;
    CHECK(disk[block * 512] == std::byte{unmapped ? std::uint8_t{0} : std::uint8_t{'x'}});
    CHECK(disk[block * 512 + 511] == disk[block * 512]);
  }
  // One bad range makes the whole list fail.
  const scsi::UnmapRange bad[] = {{.lba = 0, .blocks = 1}, {.lba = 2048, .blocks = 1}};
  (void)scsi::encode_unmap_list(bad, list).value();
  std::memcpy(i.data.data(), list.data(), list.size());
  CHECK(i.run(scsi::unmap(40), 0, 40).is(SenseKey::illegal_request, scsi::kLbaOutOfRange));
  CHECK(disk[0] == std::byte{'x'});
  CHECK(i.run(scsi::unmap(39), 0, 39).is(SenseKey::illegal_request, scsi::kInvalidFieldInParameterList));
  CHECK(i.run(scsi::unmap(0)).status() == 0);
  CHECK(i.run(scsi::unmap(5000), 0, 5000).is(SenseKey::illegal_request, scsi::kParameterListLengthError));
}

TEST_CASE("WRITE SAME (10) and (16) with a pattern, with zeroes, without data, to the end") {
  Rig rig;
  Initiator i(rig);
  auto disk = rig.target->disk_bytes(0);
  std::memset(disk.data(), 'x', disk.size());
  i.fill(0, 512);
  const std::string pattern(i.text(512));
  CHECK(i.run(scsi::write_same10(2, 3), 0, 512).status() == 0);
  CHECK(disk[2 * 512 - 1] == std::byte{'x'});
  for (std::size_t block = 2; block < 5; ++block)
    CHECK(std::memcmp(disk.data() + block * 512, pattern.data(), 512) == 0);
  CHECK(disk[5 * 512] == std::byte{'x'});
  CHECK(i.run(scsi::write_same16(2, 1, {.unmap = true, .no_data_out = true})).status() == 0);
  CHECK(disk[2 * 512] == std::byte{0});
  std::memset(i.data.data(), 0, 512);
  CHECK(i.run(scsi::write_same16(2040, 0), 0, 512).status() == 0);
  CHECK(disk[2040 * 512 - 1] == std::byte{'x'});
  CHECK(disk[disk.size() - 1] == std::byte{0});
}

TEST_CASE("a power failure keeps flushed blocks and blocks written with FUA") {
  auto config = small_config();
  config.luns[0].volatile_cache = true;
  Rig rig(config);
  Initiator i(rig);
  i.fill(0, 512);
  CHECK(i.run(scsi::write10(0, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::write10(1, 1, {.fua = true}), 0, 512).status() == 0);
  CHECK(i.run(scsi::write10(2, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::synchronize_cache10(2, 1)).status() == 0);
  CHECK(i.run(scsi::write10(3, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::read10(3, 1), 512).status() == 0);
  CHECK(i.text(1) == "A");
  rig.target->lose_caches();
  const auto disk = rig.target->disk_bytes(0);
  CHECK(disk[0] == std::byte{0});
  CHECK(disk[512] == std::byte{'A'});
  CHECK(disk[1024] == std::byte{'A'});
  CHECK(disk[1536] == std::byte{0});
  i.fill(0, 512);
  CHECK(i.run(scsi::write10(3, 1), 0, 512).status() == 0);
  CHECK(i.run(scsi::synchronize_cache16()).status() == 0);
  rig.target->lose_caches();
  CHECK(disk[1536] == std::byte{'A'});
}

TEST_CASE("a write is not acknowledged if the cache is lost during its transfer") {
  auto config = small_config();
  config.luns[0].volatile_cache = true;
  Rig rig(config);
  Initiator i(rig);
  i.fill(0, 512);
  CHECK(i.run(scsi::write10(0, 1), 0, 512).status() == 0);  // the block is not on the medium
  i.fill(0, 512, 'a');
  const auto tag = i.start(scsi::write10(0, 1, {.fua = true}), 0, 512);
  const auto disk = rig.target->disk_bytes(0);
  // The data has arrived, but the target has not polled the completion yet.
  rig.target->poll();
  while (disk[0] != std::byte{'a'}) REQUIRE(rig.network.progress() > 0);
  rig.target->lose_cache(0);
  CHECK(i.answer_to(tag).is(SenseKey::aborted_command, scsi::kNoAdditionalSense));
  CHECK(i.run(scsi::write10(0, 1, {.fua = true}), 0, 512).status() == 0);
  rig.target->lose_cache(0);
  CHECK(disk[0] == std::byte{'a'});
}

}  // namespace srpi::target::test
