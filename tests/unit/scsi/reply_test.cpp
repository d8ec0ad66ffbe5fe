// SPDX-License-Identifier: Apache-2.0
// The data of READ CAPACITY, REPORT LUNS, MODE SENSE and UNMAP.
#include "catch2/catch.hpp"
#include "scsi/capacity.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/unmap.hpp"
#include "test/print_result.hpp"
#include "vectors.hpp"

using namespace srpi;
using namespace srpi::scsi;
using test::from_hex;

namespace {
// From LIO for a file with UNMAP: 1 GiB, blocks of 512 bytes, physical blocks of 4096, thin, reads zeroes.
const auto kLioCapacity = from_hex(
    "00 00 00 00 00 1f ff ff 00 00 02 00 00 03 c0 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00");
}  // namespace

TEST_CASE("READ CAPACITY(16) of LIO") {
  const auto capacity = decode_read_capacity16(kLioCapacity);
  REQUIRE(capacity);
  CHECK(capacity->blocks == 0x200000);
  CHECK(capacity->last_lba() == 0x1fffff);
  CHECK(capacity->block_size == 512);
  CHECK(capacity->size_bytes() == 1u << 30);
  CHECK(capacity->physical_exponent == 3);
  CHECK((capacity->provisioning_managed && capacity->reads_zeroes));
  CHECK(capacity->protection_type == 0);
  CHECK(encode_read_capacity16(*capacity) == kLioCapacity);
}

TEST_CASE("READ CAPACITY(16) data cut at byte 12 or later yields the size") {
  test::for_every_cut(kLioCapacity, [](Bytes cut) {
    const auto capacity = decode_read_capacity16(cut);
    CHECK(capacity.has_value() == (cut.size() >= 12));
    if (!capacity) return;
    CHECK(capacity->blocks == 0x200000);
    CHECK(capacity->physical_exponent == (cut.size() > 13 ? 3 : 0));
  });
}

TEST_CASE("impossible capacities are refused") {
  const auto refused = [](std::string_view text) {
    const auto capacity = decode_read_capacity16(from_hex(text));
    REQUIRE(!capacity);
    CHECK(capacity.error().code == Errc::protocol_error);
    return capacity.error().detail;
  };
  CHECK(refused("00 00 00 00 00 00 00 01 00 00 00 00") == "READ CAPACITY(16): blocks of 0 bytes");
  CHECK(refused("ff ff ff ff ff ff ff ff 00 00 00 01").find("2^63") != std::string::npos);
  CHECK(refused("00 3f ff ff ff ff ff ff 00 00 02 00").find("2^63") != std::string::npos);  // 2^63 exactly
  CHECK(decode_read_capacity16(from_hex("00 3f ff ff ff ff ff fe 00 00 02 00"))->size_bytes() ==
        (1ull << 63) - 512);
  CHECK(!decode_read_capacity10(from_hex("00 00 00 01 00 00 00 00")));
  test::for_every_cut(from_hex("00 00 00 01 00 00 02 00"),
                      [](Bytes cut) { CHECK(!decode_read_capacity10(cut)); });
}

TEST_CASE("READ CAPACITY(10) tells when READ CAPACITY(16) is needed") {
  const auto small = decode_read_capacity10(from_hex("00 00 3f ff 00 00 02 00"));  // scsi_debug's 8 MiB
  REQUIRE(small);
  CHECK(!small->too_large);
  CHECK(small->capacity.size_bytes() == 8u << 20);
  const auto large = decode_read_capacity10(from_hex("ff ff ff ff 00 00 10 00"));
  REQUIRE(large);
  CHECK(large->too_large);
  CHECK(large->capacity.block_size == 4096);

  Capacity capacity;
  capacity.blocks = 0xffffffff;  // the last LBA is 0xfffffffe
  CHECK(encode_read_capacity10(capacity) == from_hex("ff ff ff fe 00 00 02 00"));
  capacity.blocks = 0x100000000;
  CHECK(encode_read_capacity10(capacity) == from_hex("ff ff ff ff 00 00 02 00"));
  capacity.blocks = 1ull << 40;
  CHECK(encode_read_capacity10(capacity) == from_hex("ff ff ff ff 00 00 02 00"));
}

TEST_CASE("decoding an encoded capacity yields the same values") {
  for (unsigned bits = 0; bits < 16; ++bits) {
    Capacity capacity;
    capacity.blocks = 1ull << (bits * 3);
    capacity.block_size = (bits & 1) != 0 ? 4096 : 520;
    capacity.physical_exponent = static_cast<std::uint8_t>(bits);
    capacity.lowest_aligned_lba = static_cast<std::uint16_t>(0x3fff - bits);
    capacity.provisioning_managed = (bits & 2) != 0;
    capacity.reads_zeroes = (bits & 4) != 0;
    capacity.protection_type = static_cast<std::uint8_t>(bits & 3);
    CHECK(*decode_read_capacity16(encode_read_capacity16(capacity)) == capacity);
  }
}

TEST_CASE("LUNs and numbers map one to one") {
  CHECK(lun_of(0) == Lun{});
  CHECK(lun_of(5) == Lun{0, 5});
  CHECK(lun_of(255) == Lun{0, 255});
  CHECK(lun_of(256) == Lun{0x41, 0x00});
  CHECK(lun_of(16383) == Lun{0x7f, 0xff});
  for (std::uint64_t number = 0; number < 0x4000; ++number) REQUIRE(number_of(lun_of(number)) == number);
  // A LUN in another form than the usual one of a flat number keeps its eight bytes.
  for (const Lun& lun : {Lun{0x40, 0x05}, Lun{0x01, 0x02}, Lun{0x00, 0x01, 0x00, 0x02}, Lun{0xc1, 0x01},
                         Lun{0x80, 0x01}, Lun{0, 0, 0, 0, 0, 0, 0x40, 0x00}}) {
    CHECK(number_of(lun) >= 0x4000);
    CHECK(lun_of(number_of(lun)) == lun);
  }
  // Eight bytes that make a small number are not that flat number.
  for (const Lun& lun : {Lun{0, 0, 0, 0, 0, 0, 0x01, 0xff}, Lun{0, 0, 0, 0, 0, 0, 0, 5}}) {
    CHECK(number_of(lun) >= 0x4000);
    CHECK(lun_of(number_of(lun)) == lun);
  }
  CHECK(flat_number_of(Lun{0x40, 0x05}) == 5);
  CHECK(flat_number_of(Lun{0, 7}) == 7);
  CHECK(!flat_number_of(Lun{0x01, 0x02}));
  CHECK(!flat_number_of(Lun{0x00, 0x01, 0x00, 0x02}));
  CHECK(!flat_number_of(Lun{0x80, 0x01}));
  CHECK(is_well_known(Lun{0xc1, 0x01}));
  CHECK(!is_well_known(Lun{0x00, 0xc1}));
}

TEST_CASE("REPORT LUNS, whole and truncated") {
  const auto reply = from_hex(
      "00 00 00 18 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 00 00 00 41 00 00 00 00 00 00 00");
  const auto whole = decode_report_luns(reply);
  REQUIRE(whole);
  CHECK(!whole->truncated);
  CHECK(whole->luns == std::vector<Lun>{lun_of(0), lun_of(1), lun_of(256)});
  CHECK(encode_report_luns(whole->luns) == reply);
  test::for_every_cut(reply, [&](Bytes cut) {
    const auto luns = decode_report_luns(cut);
    CHECK(luns.has_value() == (cut.size() >= 8));
    if (!luns) return;
    CHECK(luns->truncated);
    CHECK(luns->list_bytes == reply.size());
    CHECK(luns->luns.size() == (cut.size() - 8) / 8);
  });
  CHECK(!decode_report_luns(from_hex("00 00 00 07 00 00 00 00 00 00 00 00 00 00 00")));
  // A list length of 4 GiB must not make the decoder allocate.
  const auto huge = decode_report_luns(from_hex("ff ff ff f8 00 00 00 00"));
  REQUIRE(huge);
  CHECK(huge->truncated);
  CHECK(huge->luns.empty());
  CHECK(huge->list_bytes == 0x100000000);
}

TEST_CASE("MODE SENSE of LIO and scsi_debug") {
  // LIO with DBD clear: no block descriptors, caching page with WCE.
  const auto lio =
      decode_mode_sense6(from_hex("17 00 10 00 08 12 04 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
  REQUIRE(lio);
  CHECK(!lio->write_protected);
  CHECK(lio->dpo_fua);
  REQUIRE(lio->caching);
  CHECK(lio->caching->write_cache);
  CHECK(!lio->truncated);
  // A block descriptor, another page, then the caching page; write protected.
  const auto debug = decode_mode_sense10(
      from_hex("00 2e 00 80 00 00 00 08 00 00 40 00 00 00 02 00 0a 0a 02 00 00 00 00 00 00 00 02 4b"
               "88 12 01 00 ff ff 00 00 ff ff ff ff 80 14 00 00"));
  REQUIRE(debug);
  CHECK(debug->write_protected);
  CHECK(!debug->dpo_fua);
  CHECK(debug->truncated);  // the caching page was cut behind the byte that matters
  REQUIRE(debug->caching);
  CHECK(!debug->caching->write_cache);
  CHECK(debug->caching->read_cache_disabled);
}

TEST_CASE("MODE SENSE decoding skips subpages and stops at a vendor page without page format") {
  const auto out = decode_mode_sense6(from_hex("0e 00 00 00 48 01 00 01 ff 00 aa bb cc dd ee"));
  REQUIRE(out);
  CHECK(!out->caching);
}

TEST_CASE("MODE SENSE data with inconsistent lengths is refused; the error names the position") {
  const auto detail = [](std::string_view text) {
    const auto out = decode_mode_sense6(from_hex(text));
    REQUIRE(!out);
    CHECK(out.error().code == Errc::protocol_error);
    return out.error().detail;
  };
  CHECK(detail("02 00 00") == "MODE SENSE(6): 3 bytes, less than the 4 bytes of the header");
  CHECK(detail("02 00 00 00") == "MODE SENSE(6): claims 3 bytes, less than the 4 bytes of the header");
  CHECK(detail("03 00 00 08") == "MODE SENSE(6): claims 8 bytes of block descriptors, 0 left");
  CHECK(detail("06 00 00 00 08 12 04") == "MODE SENSE(6): page 0x08 at byte 4 claims 20 bytes, 3 left");
}

TEST_CASE("MODE SENSE data cut at any byte yields the received fields") {
  ModeParameters parameters;
  parameters.write_protected = true;
  parameters.caching = CachingPage{true, true};
  test::for_every_cut(encode_mode_sense6(parameters), [](Bytes cut) {
    const auto out = decode_mode_sense6(cut);
    CHECK(out.has_value() == (cut.size() >= 4));
    if (!out) return;
    CHECK((out->truncated && out->write_protected));
    CHECK(out->caching.has_value() == (cut.size() > 6));
  });
  test::for_every_cut(encode_mode_sense10(parameters), [](Bytes cut) {
    const auto out = decode_mode_sense10(cut);
    CHECK(out.has_value() == (cut.size() >= 8));
    if (out) CHECK(out->caching.has_value() == (cut.size() > 10));
  });
}

TEST_CASE("decoding encoded mode parameters yields the same values") {
  for (unsigned bits = 0; bits < 32; ++bits) {
    ModeParameters parameters;
    parameters.write_protected = (bits & 1) != 0;
    parameters.dpo_fua = (bits & 2) != 0;
    if ((bits & 4) != 0) parameters.caching = CachingPage{(bits & 8) != 0, (bits & 16) != 0};
    CHECK(*decode_mode_sense6(encode_mode_sense6(parameters)) == parameters);
    CHECK(*decode_mode_sense10(encode_mode_sense10(parameters)) == parameters);
  }
}

TEST_CASE("UNMAP lists") {
  const std::vector<UnmapRange> ranges{{0x0102030405060708, 0x090a0b0c}, {1, 0}};
  std::vector<std::uint8_t> list(unmap_list_bytes(2));
  const auto size = encode_unmap_list(ranges, list);
  REQUIRE(size);
  CHECK(*size == 40);
  CHECK(list == from_hex("00 26 00 20 00 00 00 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 00 00 00 00"
                         "00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00"));
  CHECK(*decode_unmap_list(list) == ranges);
  test::for_every_cut(list, [](Bytes cut) { CHECK(decode_unmap_list(cut).has_value() == cut.empty()); });
  CHECK(decode_unmap_list(from_hex("00 06 00 00 00 00 00 00"))->empty());
  CHECK(!decode_unmap_list(from_hex("00 06 00 10 00 00 00 00")));  // descriptors beyond the list
  CHECK(
      !decode_unmap_list(from_hex("00 0e 00 08 00 00 00 00 00 00 00 00 00 00 00 00")));  // half a descriptor

  std::vector<std::uint8_t> small(39);
  CHECK(encode_unmap_list(ranges, small).error().code == Errc::invalid_argument);
  const std::vector<UnmapRange> many(kMaxUnmapDescriptors + 1);
  std::vector<std::uint8_t> large(70000);
  CHECK(encode_unmap_list(many, large).error().code == Errc::too_large);
  const auto full = encode_unmap_list(std::span{many}.first(kMaxUnmapDescriptors), large);
  REQUIRE(full);
  CHECK(decode_unmap_list(Bytes{large}.first(*full))->size() == kMaxUnmapDescriptors);
}
