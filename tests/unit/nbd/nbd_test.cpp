// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>
#include <cstring>

#include "nbd/transmission.hpp"
#include "option_bytes.hpp"

using namespace srp_nbd;
using Outcome = Negotiation::Outcome;

TEST_CASE("negotiation has the same answers for every split of the bytes") {
  Bytes in = flags();
  option(in, 8);
  option(in, 5);
  option(in, 3);
  option(in, 6, go_data("nope"));
  option(in, 4711);
  option(in, 7, go_data("lun1"));
  Bytes whole;
  for (std::size_t split = 0; split <= in.size(); ++split) {
    Negotiation n(exports);
    CHECK(n.feed(std::span(in).first(split)) == split);
    if (split < in.size()) CHECK(n.outcome() == Outcome::going_on);
    n.feed(std::span(in).subspan(split));
    REQUIRE(n.outcome() == Outcome::transmission);
    CHECK(n.chosen()->lun == 1);
    const auto out = n.take_output();
    if (whole.empty()) whole = out;
    CHECK(out == whole);
  }
  CHECK(replies(whole) ==
        std::vector<std::uint32_t>{0x80000001, 0x80000002, 2, 2, 1, 0x80000006, 0x80000001, 3, 3, 1});
}

TEST_CASE("negotiation tells names and sizes as they are") {
  Bytes in = flags(), data = go_data("lun1");
  option(in, 3);
  data.back() = std::byte{2};  // two information requests
  put(data, nbd::be16(std::uint16_t{1}));
  put(data, nbd::be16(std::uint16_t{2}));
  option(in, 6, data);
  option(in, 4711);
  Negotiation n([] {
    auto list = exports();
    list[1].description = "disk";
    return list;
  });
  n.feed(in);
  REQUIRE(n.outcome() == Outcome::going_on);

  Bytes expected;
  const auto reply = [&](std::uint32_t to, std::uint32_t type, auto... parts) {
    Bytes all;
    (put(all, parts), ...);
    put(expected, OptionReplyHeader{nbd::kReplyMagic, to, type, static_cast<std::uint32_t>(all.size())});
    expected.insert(expected.end(), all.begin(), all.end());
  };
  using Name = std::array<char, 4>;
  put(expected, nbd::be64(nbd::kMagic));
  put(expected, nbd::be64(nbd::kOptionMagic));
  put(expected, nbd::be16(3));
  reply(3, 2, nbd::be32(4u), Name{'l', 'u', 'n', '0'});
  reply(3, 2, nbd::be32(4u), Name{'l', 'u', 'n', '1'});
  reply(3, 1);
  reply(6, 3, nbd::be16(0), nbd::be64(1 << 20), nbd::be16(0));
  reply(6, 3, nbd::be16(3), nbd::be32(512), nbd::be32(4096), nbd::be32(8 << 20));
  reply(6, 3, nbd::be16(std::uint16_t{1}), Name{'l', 'u', 'n', '1'});
  reply(6, 3, nbd::be16(std::uint16_t{2}), Name{'d', 'i', 's', 'k'});
  reply(6, 1);
  const std::string words = "this server has no such option";
  put(expected,
      OptionReplyHeader{nbd::kReplyMagic, 4711u, 0x80000001, static_cast<std::uint32_t>(words.size())});
  for (const char c : words) expected.push_back(static_cast<std::byte>(c));
  CHECK((n.take_output() == expected));
}

TEST_CASE("only a client that asks for block sizes at GO is bound by them") {
  const auto limit_after = [](auto... options) {
    Bytes in = flags();
    (options(in), ...);
    Negotiation n(exports);
    n.feed(in);
    REQUIRE(n.outcome() == Outcome::transmission);
    return n.chosen()->max_request_bytes;
  };
  const auto ask = [](std::uint32_t number) {
    return [number](Bytes& in) {
      Bytes data = go_data("lun1");
      data.back() = std::byte{1};
      put(data, nbd::be16(std::uint16_t{3}));
      option(in, number, data);
    };
  };
  const auto go = [](Bytes& in) { option(in, 7, go_data("lun1")); };
  const auto export_name = [](Bytes& in) { option(in, 1); };
  CHECK(limit_after(ask(7)) == 8u << 20);
  CHECK(limit_after(go) == 64u << 20);
  CHECK(limit_after(export_name) == 64u << 20);
  CHECK(limit_after(ask(6), go) == 64u << 20);  // INFO does not bind
}

TEST_CASE("negotiation: EXPORT_NAME, ABORT and bytes that are not NBD") {
  Negotiation n(exports);
  Bytes in;
  SECTION("EXPORT_NAME") {
    in = flags();
    option(in, 1);
    n.feed(in);
    CHECK(n.outcome() == Outcome::transmission);
    CHECK(n.take_output().size() == 18 + 10);
  }
  SECTION("EXPORT_NAME of an unknown export") {
    in = flags();
    option(in, 1, {std::byte{'x'}});
    n.feed(in);
    CHECK(n.outcome() == Outcome::refused);
  }
  SECTION("ABORT") {
    in = flags();
    option(in, 2);
    n.feed(in);
    CHECK(n.outcome() == Outcome::ended);
  }
  SECTION("unknown client flags") {
    put(in, nbd::be32(std::uint32_t{0x81}));
    n.feed(in);
    CHECK(n.outcome() == Outcome::refused);
  }
  SECTION("bad option magic") {
    in = flags();
    in.resize(in.size() + 16);
    n.feed(in);
    CHECK(n.outcome() == Outcome::refused);
  }
  SECTION("a long option is skipped") {
    in = flags();
    option(in, 3, Bytes(10000));
    option(in, 7, go_data(""));
    n.feed(in);
    CHECK(n.outcome() == Outcome::transmission);
    CHECK(replies(n.take_output()) == std::vector<std::uint32_t>{0x80000009, 3, 3, 1});
  }
  SECTION("an endless option is not skipped") {
    in = flags();
    put(in, nbd::OptionHeader{nbd::kOptionMagic, 7u, 0xffffffffu});
    n.feed(in);
    CHECK(n.outcome() == Outcome::refused);
  }
  SECTION("a name that is longer than its option") {
    in = flags();
    Bytes d;
    put(d, nbd::be32(std::uint32_t{0xffffffff}));
    put(d, nbd::be16(std::uint16_t{0}));
    option(in, 7, d);
    n.feed(in);
    CHECK(replies(n.take_output()) == std::vector<std::uint32_t>{0x80000003});
  }
}

TEST_CASE("requests are parsed for every split of the stream") {
  Bytes in;
  put(in, nbd::RequestHeader{nbd::kRequestMagic, std::uint16_t{1}, std::uint16_t{1}, std::uint64_t{42},
                             std::uint64_t{512}, 512u});
  in.resize(in.size() + 512);
  put(in, nbd::RequestHeader{nbd::kRequestMagic, std::uint16_t{0}, std::uint16_t{2}, std::uint64_t{43},
                             std::uint64_t{0}, 0u});
  for (std::size_t split = 0; split <= in.size(); ++split) {
    RequestStream s;
    std::vector<std::uint64_t> cookies;
    std::size_t payload = 0, at = 0;
    for (const std::size_t end : {split, in.size()}) {
      for (;;) {
        const auto item = s.next(std::span(in).subspan(at, end - at));
        REQUIRE(item.what != RequestStream::What::broken);
        if (item.what == RequestStream::What::need_more) break;
        at += item.consumed;
        if (item.what == RequestStream::What::request)
          cookies.push_back(item.request.cookie);
        else
          payload += item.consumed;
      }
    }
    CHECK(at == in.size());
    CHECK(payload == 512);
    CHECK(cookies == std::vector<std::uint64_t>{42, 43});
  }
}
