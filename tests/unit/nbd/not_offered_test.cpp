// SPDX-License-Identifier: Apache-2.0
// What this server does not offer, and clients that it does not want.
#include <cerrno>

#include "nbd/transmission.hpp"
#include "option_bytes.hpp"

using Outcome = Negotiation::Outcome;

TEST_CASE("options of other servers are answered with an error, and the negotiation goes on") {
  struct Case {
    std::uint32_t number;
    std::size_t data_bytes;
    std::uint32_t answer;
  };
  constexpr std::uint32_t kUnsupported = 0x80000001, kPolicy = 0x80000002;
  const auto [number, data_bytes, answer] = GENERATE(Case{4, 0, kUnsupported},    // PEEK_EXPORT, withdrawn
                                                     Case{5, 0, kPolicy},         // STARTTLS
                                                     Case{8, 0, kUnsupported},    // STRUCTURED_REPLY
                                                     Case{9, 12, kUnsupported},   // LIST_META_CONTEXT
                                                     Case{10, 40, kUnsupported},  // SET_META_CONTEXT
                                                     Case{11, 0, kUnsupported},   // EXTENDED_HEADERS
                                                     Case{0x7654321, 4, kUnsupported});
  CAPTURE(number);
  Bytes in = flags();
  option(in, number, Bytes(data_bytes));
  option(in, 7, go_data("lun0"));
  Negotiation n(exports);
  n.feed(in);
  CHECK(n.outcome() == Outcome::transmission);
  CHECK(replies(n.take_output()) == std::vector<std::uint32_t>{answer, 3, 3, 1});
}

TEST_CASE("LIST with data is invalid; ABORT may have data") {
  Bytes in = flags();
  option(in, 3, Bytes(1));
  option(in, 2, Bytes(7));
  Negotiation n(exports);
  n.feed(in);
  CHECK(n.outcome() == Outcome::ended);
  CHECK(replies(n.take_output()) == std::vector<std::uint32_t>{0x80000003, 1});
}

TEST_CASE("a client that is turned away gets the reason for every option, and may abort") {
  Bytes in = flags();
  option(in, 8);
  option(in, 3);
  option(in, 6, go_data("lun0"));
  option(in, 7, go_data("lun0"));
  Negotiation n(exports);
  n.turn_away(nbd::OptionReply::error_policy, "no room");
  n.feed(in);
  CHECK(n.outcome() == Outcome::going_on);
  const auto out = n.take_output();
  constexpr std::uint32_t kPolicy = 0x80000002;
  CHECK(replies(out) == std::vector<std::uint32_t>(4, kPolicy));
  CHECK(std::memcmp(out.data() + out.size() - 7, "no room", 7) == 0);
  SECTION("ABORT") {
    Bytes end;
    option(end, 2);
    n.feed(end);
    CHECK(n.outcome() == Outcome::ended);
  }
  SECTION("EXPORT_NAME cannot be answered") {
    Bytes end;
    option(end, 1);
    n.feed(end);
    CHECK(n.outcome() == Outcome::refused);
    CHECK(n.problem() == "no room");
  }
}

TEST_CASE("a request beyond the end gets ENOSPC if it writes, EINVAL if it reads or trims") {
  ExportInfo e;
  e.size_bytes = 1 << 20;
  e.transmission_flags = nbd::kHasFlags | nbd::kSendFlush | nbd::kSendTrim | nbd::kSendWriteZeroes;
  using nbd::Command;
  const auto check = [&](Command command, std::uint64_t offset, std::uint32_t length) {
    return check_request({command, 0, 1, offset, length}, e);
  };
  for (const auto command : {Command::read, Command::write, Command::trim, Command::write_zeroes}) {
    const int error = command == Command::read || command == Command::trim ? EINVAL : ENOSPC;
    CHECK(check(command, e.size_bytes - 512, 512) == 0);
    CHECK(check(command, e.size_bytes - 512, 1024) == error);
    CHECK(check(command, e.size_bytes, 512) == error);
    CHECK(check(command, 0xffff'ffff'ffff'fe00, 512) == error);
    CHECK(check(command, 0xffff'ffff'ffff'fe00, 1024) == error);
  }
}

TEST_CASE("unknown commands and flags get EINVAL") {
  ExportInfo e;
  e.size_bytes = 1 << 20;
  e.transmission_flags =
      nbd::kHasFlags | nbd::kSendFlush | nbd::kSendFua | nbd::kSendTrim | nbd::kSendWriteZeroes;
  const auto check = [&](std::uint16_t command, std::uint16_t flags) {
    return check_request({static_cast<nbd::Command>(command), flags, 1, 0, 4096}, e);
  };
  constexpr std::uint16_t kRead = 0, kWrite = 1, kFlush = 3, kTrim = 4, kCache = 5, kZeroes = 6,
                          kBlockStatus = 7, kResize = 8;
  for (const std::uint16_t command : {kRead, kWrite, kFlush, kTrim, kZeroes}) {
    CAPTURE(command);
    CHECK(check(command, 0) == 0);
    CHECK(check(command, nbd::kCommandFua) == 0);
    CHECK(check(command, nbd::kCommandNoHole) == (command == kZeroes ? 0 : EINVAL));
    for (int bit = 2; bit < 16; ++bit) CHECK(check(command, static_cast<std::uint16_t>(1 << bit)) == EINVAL);
  }
  for (const std::uint16_t command : {kCache, kBlockStatus, kResize, std::uint16_t{0xffff}})
    for (const std::uint16_t flags : {0, 1, 8}) CHECK(check(command, flags) == EINVAL);
  // Not offered: the same as unknown.
  e.transmission_flags = nbd::kHasFlags;
  CHECK(check(kTrim, 0) == EINVAL);
  CHECK(check(kZeroes, 0) == EINVAL);
}
