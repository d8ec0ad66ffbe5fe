// SPDX-License-Identifier: Apache-2.0
#include "wire/response.hpp"

#include "support.hpp"

using namespace srpi;
using namespace srpi::wire;
using namespace support;

TEST_CASE("a good response: golden bytes in both directions") {
  Response r;
  r.tag = 0x0102030405060708;
  r.request_limit_delta = 1;
  r.solicited = true;
  CHECK(encoded(r) == golden::kResponseGood);

  const auto d = decode_response(golden::kResponseGood);
  REQUIRE(d);
  CHECK(d->tag == r.tag);
  CHECK(d->request_limit_delta == 1);
  CHECK(d->solicited);
  CHECK(d->status == 0);
  CHECK(d->flags == 0);
  CHECK(d->sense.empty());
  CHECK(d->response_data.empty());
  CHECK_FALSE(d->task_result());
}

TEST_CASE("a response with sense, residual and a negative delta: golden bytes in both directions") {
  const auto sense = golden::hex("70 00 06 00000000 0a 00000000 29 00 00 000000");
  Response r;
  r.tag = 0x0102030405060708;
  r.request_limit_delta = -2;
  r.flags = kSenseValid | kDataInUnder;
  r.status = 0x02;
  r.data_in_residual_bytes = 512;
  r.sense = sense;
  CHECK(encoded(r) == golden::kResponseCheck);

  const auto d = decode_response(golden::kResponseCheck);
  REQUIRE(d);
  CHECK(d->request_limit_delta == -2);
  CHECK(d->status == 0x02);
  CHECK(d->sense_valid());
  CHECK(same_bytes(d->sense, sense));
  CHECK(d->data_in_residual_if_under() == 512);
  CHECK(d->data_in_residual_if_over() == 0);
  CHECK(d->data_out_residual_if_under() == 0);
  CHECK(d->data_out_residual_if_over() == 0);
}

TEST_CASE("a response with response data before sense data: golden bytes in both directions") {
  const auto data = golden::hex("00000005");
  const auto sense = golden::hex("7206");
  Response r;
  r.tag = 0xcc;
  r.request_limit_delta = 1;
  r.flags = kResponseDataValid | kSenseValid;
  r.response_data = data;
  r.sense = sense;
  CHECK(encoded(r) == golden::kResponseTask);

  const auto d = decode_response(golden::kResponseTask);
  REQUIRE(d);
  CHECK(same_bytes(d->response_data, data));
  CHECK(same_bytes(d->sense, sense));
  CHECK(d->task_result() == TaskResult::failed);
}

TEST_CASE("row 10: responses cut at every byte are protocol errors for both decoders") {
  for (const auto* unit : {&golden::kResponseGood, &golden::kResponseCheck, &golden::kResponseTask}) {
    check_every_cut(*unit, decode_response);
    for (std::size_t n = 0; n < unit->size(); ++n) {
      Response r;
      REQUIRE_FALSE(try_decode_response(std::span(*unit).first(n), r));
    }
  }
  check_wrong_opcodes(golden::kResponseGood, decode_response);
}

TEST_CASE("row 10: response lengths beyond the received bytes are protocol errors that name the lengths") {
  auto unit = golden::kResponseTask;  // 36 bytes, response data 4, sense 2
  unit[30] = std::byte{0x01};         // sense length at 28
  unit[31] = std::byte{0x2c};
  CHECK(decode_response(unit).error().detail ==
        "SRP_RSP: sense length 300 exceeds the 2 bytes left of 42 received (tag 0x00000000000000cc)");
  unit[34] = std::byte{0x01};  // response data length at 32
  CHECK(decode_response(unit).error().detail ==
        "SRP_RSP: response data length 260 exceeds the 6 bytes left of 42 received (tag 0x00000000000000cc)");
}

TEST_CASE("row 10: two lengths whose sum overflows 32 bits are a protocol error") {
  for (const auto* lengths :
       {"ffffffff 00000004", "fffffffc 00000004", "00000002 ffffffff", "ffffffff ffffffff",
        "80000000 80000000", "ffffffde 00000004", "00000002 fffffffe"}) {
    auto unit = golden::kResponseTask;
    const auto raw = golden::hex(lengths);
    std::copy(raw.begin(), raw.end(), unit.begin() + 28);
    CHECK(decode_response(unit).has_error());
  }
}

TEST_CASE("a length without its flag is ignored") {
  auto unit = golden::kResponseTask;
  unit[18] = std::byte{0};
  for (std::size_t i = 28; i < 36; ++i) unit[i] = std::byte{0xff};
  const auto d = decode_response(unit);
  REQUIRE(d);
  CHECK(d->sense.empty());
  CHECK(d->response_data.empty());
  CHECK_FALSE(d->task_result());
}

TEST_CASE("a task result needs four bytes of response data") {
  for (std::size_t n = 0; n < 8; ++n) {
    const Bytes data(n, std::byte{4});
    Response r;
    r.flags = kResponseDataValid;
    r.response_data = data;
    const auto bytes = encoded(r);
    const auto d = decode_response(bytes);
    REQUIRE(d);
    CHECK(d->task_result().has_value() == (n >= 4));
    if (n >= 4) CHECK(*d->task_result() == TaskResult::not_supported);
  }
}

TEST_CASE("row 14: residuals count only with their flag") {
  Response r;
  r.data_out_residual_bytes = 1;
  r.data_in_residual_bytes = 2;
  for (const auto [flag, out_over, out_under, in_over, in_under] : {std::array<unsigned, 5>{0, 0, 0, 0, 0},
                                                                    {kDataOutOver, 1, 0, 0, 0},
                                                                    {kDataOutUnder, 0, 1, 0, 0},
                                                                    {kDataInOver, 0, 0, 2, 0},
                                                                    {kDataInUnder, 0, 0, 0, 2}}) {
    r.flags = static_cast<std::uint8_t>(flag);
    CHECK(r.data_out_residual_if_over() == out_over);
    CHECK(r.data_out_residual_if_under() == out_under);
    CHECK(r.data_in_residual_if_over() == in_over);
    CHECK(r.data_in_residual_if_under() == in_under);
  }
}

TEST_CASE("decoding and encoding a random response again yields the same bytes") {
  base::Random random(5);
  for (int i = 0; i < 5000; ++i) {
    const auto data = random_bytes(random, random.below(9));
    const auto sense = random_bytes(random, random.below(252));
    Response r;
    r.tag = random.next();
    r.request_limit_delta = static_cast<std::int32_t>(random.next());
    r.flags = static_cast<std::uint8_t>(random.next());
    r.status = static_cast<std::uint8_t>(random.next());
    r.solicited = random.chance(1, 2);
    r.data_out_residual_bytes = static_cast<std::uint32_t>(random.next());
    r.data_in_residual_bytes = static_cast<std::uint32_t>(random.next());
    if (r.response_data_valid()) r.response_data = data;
    if (r.sense_valid()) r.sense = sense;
    const auto unit = encoded(r);
    const auto d = decode_response(unit);
    REQUIRE(d);
    REQUIRE(d->tag == r.tag);
    REQUIRE(d->request_limit_delta == r.request_limit_delta);
    REQUIRE(d->flags == r.flags);
    REQUIRE(same_bytes(d->response_data, r.response_data));
    REQUIRE(same_bytes(d->sense, r.sense));
    REQUIRE(encoded(*d) == unit);
  }
}

TEST_CASE("to_string of responses") {
  CHECK(to_string(*decode_response(golden::kResponseGood)) ==
        "SRP_RSP tag 0x0102030405060708 request limit +1 SCSI status 0x00 solicited");
  const auto check = to_string(*decode_response(golden::kResponseCheck));
  contains(check, "request limit -2 SCSI status 0x02 data-in 512 bytes under sense 70 00 06");
  contains(to_string(*decode_response(golden::kResponseTask)), "result 5 (failed) sense 72 06");
  Response r;
  r.flags = kResponseDataValid | kDataOutOver | kDataOutUnder | kDataInOver;
  contains(to_string(r),
           "data-out 0 bytes over data-out 0 bytes under data-in 0 bytes over response data of 0 bytes");
}
