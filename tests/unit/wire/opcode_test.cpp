// SPDX-License-Identifier: Apache-2.0
#include "wire/opcode.hpp"

#include <set>

#include "support.hpp"

using namespace srpi;
using namespace srpi::wire;
using namespace support;

namespace {
constexpr unsigned kOpcodes[] = {0x00, 0x01, 0x02, 0x03, 0x41, 0x42, 0x80, 0x81, 0x82, 0xc0, 0xc1, 0xc2};
bool known(unsigned opcode) {
  return std::find(std::begin(kOpcodes), std::end(kOpcodes), opcode) != std::end(kOpcodes);
}
}  // namespace

TEST_CASE("the twelve opcodes are known, the other 244 are protocol errors") {
  std::set<std::string> names;
  for (unsigned i = 0; i < 256; ++i) {
    const Bytes unit(1, static_cast<std::byte>(i));
    const auto opcode = peek_opcode(unit);
    REQUIRE(opcode.has_value() == known(i));
    REQUIRE(is_known(static_cast<Opcode>(i)) == known(i));
    if (opcode) {
      REQUIRE(static_cast<unsigned>(*opcode) == i);
      REQUIRE(sent_by_target(*opcode) == (i >= 0x80));
      names.insert(to_string(*opcode));
    } else {
      REQUIRE(opcode.error().code == Errc::protocol_error);
    }
  }
  CHECK(names.size() == 12);
  CHECK(peek_opcode({}).error().detail == "empty information unit");
  CHECK(peek_opcode(golden::hex("77 00")).error().detail ==
        "unknown opcode 0x77 in an information unit of 2 bytes");
}

TEST_CASE("describe names every unit") {
  const struct {
    const Bytes* unit;
    const char* start;
  } kUnits[] = {
      {&golden::kLoginRequest, "SRP_LOGIN_REQ tag"},   {&golden::kAbortTask, "SRP_TSK_MGMT tag"},
      {&golden::kReadDirect, "SRP_CMD tag"},           {&golden::kWriteImmediate, "SRP_CMD tag"},
      {&golden::kInitiatorLogout, "SRP_I_LOGOUT tag"}, {&golden::kCreditResponse, "SRP_CRED_RSP tag"},
      {&golden::kAsyncEventResponse, "SRP_AER_RSP"},   {&golden::kTargetLogout, "SRP_T_LOGOUT tag"},
      {&golden::kCreditRequest, "SRP_CRED_REQ tag"},   {&golden::kAsyncEventRequest, "SRP_AER_REQ tag"},
      {&golden::kLoginResponse, "SRP_LOGIN_RSP tag"},  {&golden::kResponseCheck, "SRP_RSP tag"},
      {&golden::kLoginReject, "SRP_LOGIN_REJ tag"},
  };
  for (const auto& u : kUnits) {
    CHECK(describe(*u.unit).rfind(u.start, 0) == 0);
    for (std::size_t n = 0; n < u.unit->size(); ++n)
      REQUIRE(describe(Bytes(u.unit->begin(), u.unit->begin() + static_cast<std::ptrdiff_t>(n)))
                  .rfind("malformed", 0) == 0);
  }
}

TEST_CASE("describe shows the error and the first bytes of a malformed unit") {
  CHECK(describe({}) == "malformed unit (empty information unit), 0 bytes: []");
  CHECK(describe(golden::hex("c1 02")) ==
        "malformed unit (SRP_RSP: 2 bytes received, at least 36 needed), 2 bytes: [c1 02]");
  const auto text = describe(Bytes(1000, std::byte{0x77}));
  contains(text, "1000 bytes: [77 77");
  contains(text, "77 ...]");
  CHECK(text.size() < 400);
}
