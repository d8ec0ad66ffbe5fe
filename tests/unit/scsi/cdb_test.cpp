// SPDX-License-Identifier: Apache-2.0
#include "scsi/cdb.hpp"

#include "catch2/catch.hpp"
#include "scsi/decode_cdb.hpp"
#include "test/print_result.hpp"
#include "vectors.hpp"

using namespace srpi;
using namespace srpi::scsi;
using test::from_hex;

namespace {

void is(const Cdb& cdb, std::string_view golden) {
  CHECK(hex(cdb.span()) == hex(from_hex(golden)));
  for (std::size_t i = cdb.length; i < cdb.bytes.size(); ++i) CHECK(cdb.bytes[i] == 0);
}
DecodedCdb decoded(const Cdb& cdb) {
  const auto out = decode_cdb(cdb.bytes);  // SRP carries 16 bytes
  REQUIRE(out);
  return *out;
}
Errc refused(std::string_view text) {
  const auto out = decode_cdb(from_hex(text));
  REQUIRE(!out);
  CHECK(!out.error().detail.empty());
  return out.error().code;
}

static_assert(read_blocks(1, 8).opcode() == Opcode::read_10);  // usable in constant expressions

}  // namespace

TEST_CASE("CDBs have the bytes of SPC-4 and SBC-3") {
  is(test_unit_ready(), "00 00 00 00 00 00");
  is(request_sense(252, true), "03 01 00 00 fc 00");
  is(inquiry(false, 0, 36), "12 00 00 00 24 00");
  is(inquiry(true, 0x83, 0x1234), "12 01 83 12 34 00");
  is(report_luns(0x1008), "a0 00 00 00 00 00 00 00 10 08 00 00");
  is(read_capacity10(), "25 00 00 00 00 00 00 00 00 00");
  is(read_capacity16(32), "9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00");
  is(read10(0x01020304, 0x0506), "28 00 01 02 03 04 00 05 06 00");
  is(read10(1, 1, {.fua = true}), "28 08 00 00 00 01 00 00 01 00");
  is(write10(1, 1, {.dpo = true}), "2a 10 00 00 00 01 00 00 01 00");
  is(read16(0x0102030405060708, 0x090a0b0c), "88 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 00 00");
  is(write16(1, 2, {.fua = true, .dpo = true}), "8a 18 00 00 00 00 00 00 00 01 00 00 00 02 00 00");
  is(synchronize_cache10(), "35 00 00 00 00 00 00 00 00 00");
  is(synchronize_cache16(0x10, 0x20), "91 00 00 00 00 00 00 00 00 10 00 00 00 20 00 00");
  is(unmap(24), "42 00 00 00 00 00 00 00 18 00");
  is(write_same10(8, 16, true), "41 08 00 00 00 08 00 00 10 00");
  is(write_same16(8, 16, {.unmap = true, .no_data_out = true}),
     "93 09 00 00 00 00 00 00 00 08 00 00 00 10 00 00");
  is(mode_sense6(kModePageCaching, 64), "1a 08 08 00 40 00");
  is(mode_sense10(kModePageAll, 0x100), "5a 08 3f 00 00 00 00 01 00 00");
}

TEST_CASE("read_blocks and write_blocks use the 10-byte form exactly if it fits") {
  CHECK(read_blocks(0xffffffff, 0xffff).opcode() == Opcode::read_10);
  CHECK(read_blocks(0x100000000, 1).opcode() == Opcode::read_16);
  CHECK(read_blocks(0, 0x10000).opcode() == Opcode::read_16);
  CHECK(write_blocks(0xffffffff, 0xffff, true) == write10(0xffffffff, 0xffff, {.fua = true}));
  CHECK(write_blocks(0x100000000, 1, true) == write16(0x100000000, 1, {.fua = true}));
  CHECK(write_blocks(0, 0x10000).opcode() == Opcode::write_16);
}

TEST_CASE("the target decodes what the initiator encodes") {
  for (const std::uint64_t lba : {0ull, 1ull, 0xffffffffull, 0x100000000ull, ~0ull}) {
    for (const std::uint32_t blocks : {1u, 0xffffu, 0x10000u, 0xffffffffu}) {
      for (const bool fua : {false, true}) {
        auto d = decoded(read_blocks(lba, blocks, fua));
        CHECK(d.operation == Operation::read);
        CHECK((d.lba == lba && d.blocks == blocks && d.fua == fua));
        CHECK(direction_of(d) == DataDirection::in);
        d = decoded(write_blocks(lba, blocks, fua));
        CHECK(d.operation == Operation::write);
        CHECK((d.lba == lba && d.blocks == blocks && d.fua == fua));
        CHECK(direction_of(d) == DataDirection::out);
      }
      const auto d = decoded(write_same16(lba, blocks, {.unmap = true, .no_data_out = true}));
      CHECK((d.operation == Operation::write_same && d.lba == lba && d.blocks == blocks && d.unmap &&
             d.no_data_out));
      CHECK(direction_of(d) == DataDirection::none);
      const auto s = decoded(synchronize_cache16(lba, blocks));
      CHECK((s.operation == Operation::synchronize_cache && s.lba == lba && s.blocks == blocks &&
             !s.immediate));
    }
  }
  CHECK(decoded(write_same10(3, 4)).unmap == false);
  CHECK(direction_of(decoded(write_same10(3, 4))) == DataDirection::out);
  auto d = decoded(inquiry(true, 0xb0, 64));
  CHECK((d.operation == Operation::inquiry && d.evpd && d.page == 0xb0 && d.allocation_bytes == 64));
  d = decoded(report_luns(8192));
  CHECK((d.operation == Operation::report_luns && d.allocation_bytes == 8192 && d.select_report == 0));
  d = decoded(read_capacity16(32));
  CHECK((d.operation == Operation::read_capacity_16 && d.allocation_bytes == 32));
  CHECK(decoded(read_capacity10()).operation == Operation::read_capacity_10);
  d = decoded(mode_sense10(kModePageCaching, 300));
  CHECK((d.operation == Operation::mode_sense_10 && d.page == 8 && d.allocation_bytes == 300));
  CHECK(d.disable_block_descriptors);
  d = decoded(mode_sense6(kModePageAll, 255));
  CHECK((d.operation == Operation::mode_sense_6 && d.page == 0x3f && d.allocation_bytes == 255));
  d = decoded(request_sense(18));
  CHECK((d.operation == Operation::request_sense && d.allocation_bytes == 18 && !d.descriptor_format));
  CHECK(decoded(unmap(24)).allocation_bytes == 24);
  CHECK(decoded(test_unit_ready()).operation == Operation::test_unit_ready);
}

TEST_CASE("the target decodes the 6- and 12-byte transfers of other initiators") {
  auto d = *decode_cdb(from_hex("08 1f ff ff 00 00"));
  CHECK((d.operation == Operation::read && d.lba == 0x1fffff && d.blocks == 256));
  d = *decode_cdb(from_hex("0a 00 00 10 04 00"));
  CHECK((d.operation == Operation::write && d.lba == 0x10 && d.blocks == 4));
  d = *decode_cdb(from_hex("08 e0 00 10 04 00"));
  CHECK(d.lba == 0x10);  // the high bits of byte 1 were the LUN once
  d = *decode_cdb(from_hex("a8 08 00 00 00 01 00 01 00 00 00 00"));
  CHECK((d.operation == Operation::read && d.lba == 1 && d.blocks == 0x10000 && d.fua));
  d = *decode_cdb(from_hex("aa 10 00 00 00 01 00 00 00 02 00 00"));
  CHECK((d.operation == Operation::write && d.lba == 1 && d.blocks == 2 && d.dpo));
  d = *decode_cdb(from_hex("35 02 00 00 00 00 00 00 00 00"));
  CHECK(d.immediate);
}

TEST_CASE("unsupported CDBs are refused with the right sense data") {
  CHECK(refused("") == Errc::protocol_error);
  CHECK(refused("ff 00 00 00 00 00") == Errc::not_supported);
  CHECK(refused("7f 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00") ==
        Errc::not_supported);  // variable length
  CHECK(refused("1b 00 00 00 00 00") == Errc::not_supported);
  CHECK(refused("9e 12 00 00 00 00 00 00 00 00 00 00 00 00 00 00") == Errc::not_supported);
  CHECK(refused("28 20 00 00 00 00 00 00 01 00") == Errc::illegal_request);  // RDPROTECT
  CHECK(refused("8a e0 00 00 00 00 00 00 00 00 00 00 00 01 00 00") == Errc::illegal_request);
  CHECK(refused("12 02 00 00 24 00") == Errc::illegal_request);              // CMDDT
  CHECK(refused("12 00 83 00 24 00") == Errc::illegal_request);              // page code without EVPD
  CHECK(refused("00 00 00 00 00 04") == Errc::illegal_request);              // NACA
  CHECK(refused("41 10 00 00 00 00 00 00 01 00") == Errc::illegal_request);  // ANCHOR
  CHECK(refused("41 02 00 00 00 00 00 00 01 00") == Errc::illegal_request);  // LBDATA
  CHECK(refused("41 20 00 00 00 00 00 00 01 00") == Errc::illegal_request);  // WRPROTECT
  CHECK(refused("42 01 00 00 00 00 00 00 18 00") == Errc::illegal_request);  // ANCHOR

  CHECK(refusal_of({Errc::not_supported, ""}) ==
        make_sense(SenseKey::illegal_request, kInvalidOperationCode));
  CHECK(refusal_of({Errc::illegal_request, ""}) == make_sense(SenseKey::illegal_request, kInvalidFieldInCdb));
}

TEST_CASE("a CDB cut at any byte is refused") {
  for (const auto& cdb : {test_unit_ready(), inquiry(true, 0x83, 255), read10(1, 1), read16(1, 1),
                          report_luns(16), read_capacity16(32), unmap(24), mode_sense6(8, 255)}) {
    test::for_every_cut({cdb.span().begin(), cdb.span().end()}, [](Bytes cut) {
      const auto out = decode_cdb(cut);
      REQUIRE(!out);
      CHECK(out.error().code == Errc::protocol_error);
    });
  }
}

TEST_CASE("every operation code is decoded or refused") {
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = static_cast<std::uint8_t>(opcode);
    const auto out = decode_cdb(bytes);
    const bool named = std::string_view{to_string(static_cast<Opcode>(opcode))} != "unknown command";
    CHECK(out.has_value() == (named && opcode != 0x9e));
    if (out) CHECK(std::string_view{to_string(out->operation)} != "unknown operation");
    if (!out) CHECK(out.error().code == Errc::not_supported);
  }
}

TEST_CASE("to_string of CDBs") {
  CHECK(to_string(read_blocks(4096, 8, true)) == "READ(10) lba 4096 blocks 8 fua");
  CHECK(to_string(write16(1, 2, {.dpo = true})) == "WRITE(16) lba 1 blocks 2 dpo");
  CHECK(to_string(write_same16(1, 2, {.unmap = true, .no_data_out = true})) ==
        "WRITE SAME(16) lba 1 blocks 2 unmap ndob");
  CHECK(to_string(inquiry(true, 0x83, 255)) == "INQUIRY VPD 0x83");
  CHECK(to_string(inquiry(false, 0, 36)) == "INQUIRY");
  CHECK(to_string(mode_sense6(8, 4)) == "MODE SENSE(6) page 0x08");
  CHECK(to_string(read_capacity16(32)) == "READ CAPACITY(16)");
  CHECK(to_string(test_unit_ready()) == "TEST UNIT READY");
  Cdb unknown;
  unknown.bytes[0] = 0x1b;
  unknown.length = 6;
  CHECK(to_string(unknown) == "unknown command [1b0000000000]");
  CHECK(std::string{to_string(DataDirection::out)} == "out");
}
