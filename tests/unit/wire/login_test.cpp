// SPDX-License-Identifier: Apache-2.0
#include "wire/login.hpp"

#include <set>

#include "support.hpp"

using namespace srpi;
using namespace srpi::wire;
using namespace support;

namespace {

LoginRequest golden_request() {
  LoginRequest r;
  r.tag = 0x0102030405060708;
  r.requested_it_iu_bytes = 8260;
  r.direct_descriptors = r.indirect_descriptors = true;
  r.notify_logout = r.notify_async_event = true;
  r.immediate_data = true;
  r.immediate_data_offset = 68;
  r.initiator_port_id = PortId::make(0x1111222233334444, 0x5555666677778888);
  r.target_port_id = PortId::make(0x9999aaaabbbbcccc, 0xddddeeeeffff0000);
  return r;
}

Bytes compact(const LoginRequest& r) {
  return encoded(kCompactLoginRequestBytes + 8,
                 [&](std::span<std::byte> out) { return encode_compact(r, out); });
}

LoginRequest random_request(base::Random& random) {
  LoginRequest r;
  r.tag = random.next();
  r.requested_it_iu_bytes = static_cast<std::uint32_t>(random.next());
  r.direct_descriptors = random.chance(1, 2);
  r.indirect_descriptors = random.chance(1, 2);
  r.multichannel = static_cast<MultiChannel>(random.below(4));
  r.notify_logout = random.chance(1, 2);
  r.notify_credit = random.chance(1, 2);
  r.notify_async_event = random.chance(1, 2);
  r.immediate_data = random.chance(1, 2);
  r.immediate_data_offset = static_cast<std::uint16_t>(random.next());
  r.initiator_port_id = PortId::make(random.next(), random.next());
  r.target_port_id = PortId::make(random.next(), random.next());
  return r;
}

constexpr RejectReason kAllReasons[] = {
    RejectReason::unable_to_establish,           RejectReason::insufficient_resources,
    RejectReason::request_iu_too_large,          RejectReason::cannot_associate,
    RejectReason::unsupported_descriptor_format, RejectReason::multichannel_unsupported,
    RejectReason::channel_limit_reached};

}  // namespace

TEST_CASE("login request, native form: golden bytes in both directions") {
  CHECK(encoded(golden_request()) == golden::kLoginRequest);
  const auto decoded = decode_login_request(golden::kLoginRequest);
  REQUIRE(decoded);
  CHECK(*decoded == golden_request());
}

TEST_CASE("login request, compact form: golden bytes in both directions") {
  CHECK(compact(golden_request()) == golden::kCompactLoginRequest);
  const auto decoded = decode_compact_login_request(golden::kCompactLoginRequest);
  REQUIRE(decoded);
  CHECK(*decoded == golden_request());
}

TEST_CASE("login response and reject: golden bytes in both directions") {
  LoginResponse response;
  response.tag = 0x0102030405060708;
  response.request_limit = 128;
  response.max_it_iu_bytes = 8276;
  response.max_ti_iu_bytes = 8260;
  response.direct_descriptors = response.indirect_descriptors = true;
  response.multichannel = MultiChannelResult::terminated;
  response.solicited_notification = response.immediate_data = true;
  CHECK(encoded(response) == golden::kLoginResponse);
  CHECK(decode_login_response(golden::kLoginResponse).value() == response);

  LoginReject reject;
  reject.tag = 0x0102030405060708;
  reject.reason = RejectReason::channel_limit_reached;
  reject.direct_descriptors = reject.indirect_descriptors = true;
  CHECK(encoded(reject) == golden::kLoginReject);
  CHECK(decode_login_reject(golden::kLoginReject).value() == reject);
}

TEST_CASE("row 8: login units cut at every byte are protocol errors") {
  check_every_cut(golden::kLoginRequest, decode_login_request);
  check_every_cut(golden::kCompactLoginRequest, decode_compact_login_request);
  check_every_cut(golden::kLoginResponse, decode_login_response);
  check_every_cut(golden::kLoginReject, decode_login_reject);
}

TEST_CASE("row 8: login units with the wrong opcode are protocol errors") {
  check_wrong_opcodes(golden::kLoginRequest, decode_login_request);
  check_wrong_opcodes(golden::kCompactLoginRequest, decode_compact_login_request, 11);
  check_wrong_opcodes(golden::kLoginResponse, decode_login_response);
  check_wrong_opcodes(golden::kLoginReject, decode_login_reject);
}

TEST_CASE("login units may be followed by padding") {
  const Bytes padding(140);
  CHECK(decode_login_request(golden::kLoginRequest + padding).value() == golden_request());
  CHECK(decode_compact_login_request(golden::kCompactLoginRequest + padding).value() == golden_request());
  CHECK(decode_login_response(golden::kLoginResponse + padding).has_value());
  CHECK(decode_login_reject(golden::kLoginReject + padding).has_value());
}

TEST_CASE("decoding an encoded login unit yields the same values") {
  base::Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto request = random_request(random);
    REQUIRE(decode_login_request(encoded(request)).value() == request);
    REQUIRE(decode_compact_login_request(compact(request)).value() == request);

    LoginResponse response;
    response.tag = random.next();
    response.request_limit = static_cast<std::int32_t>(random.next());
    response.max_it_iu_bytes = static_cast<std::uint32_t>(random.next());
    response.max_ti_iu_bytes = static_cast<std::uint32_t>(random.next());
    response.direct_descriptors = random.chance(1, 2);
    response.indirect_descriptors = random.chance(1, 2);
    response.multichannel = static_cast<MultiChannelResult>(random.below(4));
    response.solicited_notification = random.chance(1, 2);
    response.immediate_data = random.chance(1, 2);
    REQUIRE(decode_login_response(encoded(response)).value() == response);

    LoginReject reject;
    reject.tag = random.next();
    reject.reason = static_cast<RejectReason>(random.next());
    reject.direct_descriptors = random.chance(1, 2);
    reject.indirect_descriptors = random.chance(1, 2);
    REQUIRE(decode_login_reject(encoded(reject)).value() == reject);
  }
}

TEST_CASE("row 8: a negative initial request limit is decoded as a negative number") {
  auto bytes = golden::kLoginResponse;
  for (std::size_t i = 4; i < 8; ++i) bytes[i] = std::byte{0xff};
  CHECK(decode_login_response(bytes)->request_limit == -1);
}

TEST_CASE("row 7: each reject reason has its own text and advice") {
  std::set<std::string> words;
  std::set<std::string> advices;
  for (const auto reason : kAllReasons) {
    CHECK(is_known(reason));
    words.insert(to_string(reason));
    advices.insert(advice(reason));
  }
  for (const std::uint32_t unknown : {0u, 1u, 0xffffu, 0x00010007u, 0xffffffffu}) {
    const auto reason = static_cast<RejectReason>(unknown);
    CHECK_FALSE(is_known(reason));
    CHECK_FALSE(is_temporary(reason));
    words.insert(to_string(reason));
    advices.insert(advice(reason));
  }
  CHECK(words.size() == std::size(kAllReasons) + 1);
  CHECK(advices.size() == std::size(kAllReasons) + 1);
}

TEST_CASE("row 7: only lack of resources and internal failure are temporary") {
  for (const auto reason : kAllReasons)
    CHECK(is_temporary(reason) ==
          (reason == RejectReason::unable_to_establish || reason == RejectReason::insufficient_resources));
}

TEST_CASE("to_string of login units") {
  const auto request = to_string(golden_request());
  contains(request, "SRP_LOGIN_REQ tag 0x0102030405060708");
  contains(request, "initiator port id 11112222333344445555666677778888");
  contains(request, "target port id 9999aaaabbbbccccddddeeeeffff0000");
  contains(request, "8260 bytes");
  contains(request, "direct and indirect descriptors");
  contains(request, "single channel");
  contains(request, "immediate data at offset 68");
  contains(to_string(LoginRequest{}), "no descriptor format");
  contains(to_string(LoginRequest{}), "immediate data not requested");

  const auto response = to_string(*decode_login_response(golden::kLoginResponse));
  contains(response, "request limit 128");
  contains(response, "8276 bytes to the target, 8260 from it");
  contains(response, "existing channels terminated");
  contains(response, "immediate data granted");

  const auto reject = to_string(*decode_login_reject(golden::kLoginReject));
  contains(reject, "reason 0x00010006");
  contains(reject, "ACL");

  LoginReject unknown;
  unknown.reason = static_cast<RejectReason>(0x1234);
  contains(to_string(unknown), "0x00001234: a reason that is not in the standard");
  CHECK(std::string(to_string(static_cast<MultiChannel>(2))) == "reserved multichannel action");
  CHECK(std::string(to_string(static_cast<MultiChannelResult>(3))) == "reserved multichannel result");
}

TEST_CASE("errors of login units name the unit, lengths and opcodes") {
  const Bytes short_response(12, std::byte{0xc0});
  CHECK(decode_login_response(short_response).error().detail ==
        "SRP_LOGIN_RSP: 12 bytes received, at least 52 needed");
  CHECK(decode_login_response(golden::kLoginRequest).error().detail ==
        "SRP_LOGIN_RSP: opcode 0x00 (SRP_LOGIN_REQ) received instead of 0xc0");
}
