// SPDX-License-Identifier: Apache-2.0
#include "scsi/sense.hpp"

#include "catch2/catch.hpp"
#include "scsi/status.hpp"
#include "test/print_result.hpp"
#include "vectors.hpp"

using namespace srpi;
using namespace srpi::scsi;
using test::from_hex;

TEST_CASE("fixed format sense data of LIO") {
  // LBA out of range; INFORMATION has the LBA.
  const auto sense = decode_sense(from_hex("f0 00 05 00 00 10 00 0a 00 00 00 00 21 00 00 00 00 00"));
  REQUIRE(sense);
  CHECK(sense->key == SenseKey::illegal_request);
  CHECK(sense->additional == kLbaOutOfRange);
  CHECK(sense->information == 0x1000);
  CHECK(!sense->deferred);
  CHECK(!sense->key_specific);
  CHECK(sense->response_code() == 0x70);
  CHECK(to_string(*sense) ==
        "illegal request: logical block address out of range (21/00), information 0x1000");
  // The unit attention after a login.
  const auto attention = decode_sense(from_hex("70 00 06 00 00 00 00 0a 00 00 00 00 3f 0e 00 00 00 00"));
  REQUIRE(attention);
  CHECK(attention->key == SenseKey::unit_attention);
  CHECK(attention->additional == kReportedLunsDataChanged);
  CHECK(!attention->information);
}

TEST_CASE("fixed format sense data of scsi_debug, with a field pointer") {
  const auto sense = decode_sense(from_hex("70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 cf 00 02"));
  REQUIRE(sense);
  CHECK(sense->additional == kInvalidFieldInCdb);
  REQUIRE(sense->key_specific);
  CHECK(*sense->key_specific == std::array<std::uint8_t, 3>{0xcf, 0x00, 0x02});
  CHECK(to_string(*sense) == "illegal request: invalid field in CDB (24/00), key-specific cf0002");
}

TEST_CASE("descriptor format sense data with every descriptor that we decode") {
  const auto sense =
      decode_sense(from_hex("72 03 11 00 00 00 00 26"
                            "09 02 00 00"                          // an unknown type is skipped
                            "00 0a 80 00 00 00 00 01 23 45 67 89"  // information
                            "01 0a 00 00 00 00 00 00 00 00 00 07"  // command specific
                            "04 02 00 20"                          // stream: incorrect length
                            "02 06 00 00 80"));                    // sense key specific: cut
  REQUIRE(sense);
  CHECK(sense->descriptor_format);
  CHECK(sense->key == SenseKey::medium_error);
  CHECK(sense->additional == kUnrecoveredReadError);
  CHECK(sense->information == 0x123456789);
  CHECK(sense->command_specific == 7);
  CHECK(sense->incorrect_length);
  CHECK(!sense->key_specific);

  const auto combined = decode_sense(from_hex(
      "73 03 11 00 00 00 00 20"
      "0d 1e 80 20 80 00 05 00 00 00 00 00 00 00 00 63 00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 00"));
  REQUIRE(combined);
  CHECK(combined->deferred);
  CHECK(combined->information == 99);
  CHECK(combined->command_specific == 8);
  CHECK(combined->key_specific);
  CHECK(combined->incorrect_length);
}

TEST_CASE("a malformed descriptor ends the list, and the sense key stays valid") {
  for (const auto* text : {"72 05 24 00 00 00 00 04 00 02 80 00", "72 05 24 00 00 00 00 02 00 ff",
                           "72 05 24 00 00 00 00 ff 02 06 00 00", "72 05 24 00 00 00 00 01 00"}) {
    const auto sense = decode_sense(from_hex(text));
    REQUIRE(sense);
    CHECK(sense->key == SenseKey::illegal_request);
    CHECK(sense->additional == kInvalidFieldInCdb);
    CHECK(!sense->information);
  }
}

TEST_CASE("bytes after ADDITIONAL SENSE LENGTH are ignored") {
  // Stale bytes after the sense data must not become an additional sense code.
  const auto sense = decode_sense(from_hex("70 00 02 00 00 00 00 00 ff ff ff ff 04 01 00 00 00 00"));
  REQUIRE(sense);
  CHECK(sense->key == SenseKey::not_ready);
  CHECK(sense->additional == kNoAdditionalSense);
  CHECK(!sense->command_specific);
}

TEST_CASE("truncated sense data is decoded if the sense key is there") {
  test::for_every_cut(from_hex("f1 00 03 00 00 10 00 0a 00 00 00 09 11 00 00 80 00 05"), [](Bytes cut) {
    const auto sense = decode_sense(cut);
    CHECK(sense.has_value() == (cut.size() > 2));
    if (!sense) {
      CHECK(sense.error().code == Errc::protocol_error);
      return;
    }
    CHECK(sense->key == SenseKey::medium_error);
    CHECK(sense->deferred);
    CHECK(sense->information.has_value() == (cut.size() >= 7));
    CHECK(sense->additional.code == (cut.size() > 12 ? 0x11 : 0));
    CHECK(!sense->key_specific);
  });
  test::for_every_cut(from_hex("72 0b 47 03 00 00 00 0c 00 0a 80 00 00 00 00 00 00 00 00 05"), [](Bytes cut) {
    const auto sense = decode_sense(cut);
    CHECK(sense.has_value() == (cut.size() > 1));
    if (sense) CHECK(sense->key == SenseKey::aborted_command);
    if (sense) CHECK(!sense->information);
  });
}

TEST_CASE("unknown response codes are refused") {
  for (unsigned code = 0; code < 0x80; ++code) {
    std::vector<std::uint8_t> bytes(18);
    bytes[0] = static_cast<std::uint8_t>(code);
    CHECK(decode_sense(bytes).has_value() == (code >= 0x70 && code <= 0x73));
  }
}

TEST_CASE("decoding encoded sense data yields the same values") {
  for (unsigned key = 0; key < kSenseKeys; ++key) {
    for (unsigned bits = 0; bits < 256; ++bits) {
      Sense sense = make_sense(static_cast<SenseKey>(key), {0x2a, 0x09});
      sense.descriptor_format = (bits & 1) != 0;
      sense.deferred = (bits & 2) != 0;
      if ((bits & 4) != 0) sense.information = sense.descriptor_format ? 0x123456789abcull : 0x12345678ull;
      if ((bits & 8) != 0) sense.command_specific = 42;
      if ((bits & 16) != 0) sense.key_specific = {{0x80, 1, 2}};
      sense.filemark = (bits & 32) != 0;
      sense.end_of_medium = (bits & 64) != 0;
      sense.incorrect_length = (bits & 128) != 0;
      const auto again = decode_sense(encode(sense).span());
      REQUIRE(again);
      REQUIRE(*again == sense);
    }
  }
}

TEST_CASE("fixed format leaves out values that do not fit four bytes") {
  Sense sense = make_sense(SenseKey::medium_error, kUnrecoveredReadError);
  sense.information = 0x100000000;
  const auto encoded = encode(sense);
  CHECK(encoded.size == 18);
  CHECK((encoded.bytes[0] & 0x80) == 0);
  CHECK(!decode_sense(encoded.span())->information);
}

TEST_CASE("to_string of statuses, sense keys and additional sense codes") {
  CHECK(to_string(kCapacityChanged) == "capacity data has changed (2a/09)");
  CHECK(to_string(AdditionalSense{0x91, 0x02}) == "additional sense 91/02");
  CHECK(words_of({0xff, 0xff}) == nullptr);
  CHECK(words_of({0x00, 0x01}) == nullptr);
  for (const auto status : kStatuses) CHECK(std::string{to_string(status)} != "unknown status");
  CHECK(std::string{to_string(static_cast<Status>(0xff))} == "unknown status");
  for (unsigned key = 0; key < kSenseKeys; ++key)
    CHECK(std::string{to_string(static_cast<SenseKey>(key))} != "unknown sense key");
}
