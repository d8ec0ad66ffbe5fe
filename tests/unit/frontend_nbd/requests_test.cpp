// SPDX-License-Identifier: Apache-2.0
// A client's requests and their replies.
#include <cstring>

#include "nbd_fixture.hpp"

using nbd::Command;
using srpi::Errc;

namespace {}  // namespace

TEST_CASE("a lane writes data and reads it back, in every size") {
  LaneFixture f;
  const auto client = f.connect();
  std::uint64_t cookie = 1;
  for (const std::uint32_t bytes : {512u, 4096u, 131072u, 262144u, 1048576u, 1049088u, 5u << 20, 8u << 20}) {
    const auto data = pattern(bytes, bytes);
    client.request(Command::write, cookie, 512 * cookie, bytes);
    client.send(data.data(), data.size());
    CHECK(client.reply(cookie) == 0);
    ++cookie;
    client.request(Command::read, cookie, 512 * (cookie - 1), bytes);
    CHECK(client.reply(cookie) == 0);
    std::vector<std::byte> back(bytes);
    REQUIRE(client.receive(back.data(), back.size()));
    CHECK((back == data));  // do not print megabytes
    ++cookie;
  }
}

TEST_CASE("many requests in one segment and one request byte by byte have the same result") {
  LaneFixture f;
  const auto client = f.connect();
  std::vector<char> stream;
  const auto put = [&](const void* p, std::size_t n) {
    stream.insert(stream.end(), static_cast<const char*>(p), static_cast<const char*>(p) + n);
  };
  constexpr std::uint64_t kWrites = 400;  // more than requests_per_connection
  for (std::uint64_t i = 0; i < kWrites; ++i) {
    const nbd::RequestHeader h{nbd::kRequestMagic, std::uint16_t{0}, std::uint16_t{1}, i, i * 4096, 4096u};
    put(&h, sizeof h);
    const auto data = pattern(4096, static_cast<unsigned>(i));
    put(data.data(), data.size());
  }
  SECTION("at once") { client.send(stream.data(), stream.size()); }
  SECTION("in odd pieces") {
    for (std::size_t at = 0; at < stream.size(); at += 4093)
      client.send(stream.data() + at, std::min<std::size_t>(4093, stream.size() - at));
  }
  SECTION("the first request by bytes") {
    for (std::size_t i = 0; i < 4124; ++i) client.send(stream.data() + i, 1);
    client.send(stream.data() + 4124, stream.size() - 4124);
  }
  std::vector<bool> seen(kWrites);
  for (std::uint64_t i = 0; i < kWrites; ++i) {
    nbd::SimpleReply r;
    REQUIRE(client.receive(&r, sizeof r));
    CHECK(std::uint32_t{r.error} == 0);
    REQUIRE(std::uint64_t{r.cookie} < kWrites);
    CHECK(!seen[r.cookie]);
    seen[r.cookie] = true;
  }
  const auto disk = f.with_fake([](FakeSession& s) { return s.unit().disk; });
  for (std::uint64_t i = 0; i < kWrites; ++i)
    CHECK(std::memcmp(disk.data() + i * 4096, pattern(4096, static_cast<unsigned>(i)).data(), 4096) == 0);
}

TEST_CASE("a write's memory segments are whole blocks for every end of the receive chunks") {
  LaneFixture f;
  const auto client = f.connect();
  // With headers of 28 bytes and payloads of many sizes, chunks end at all kinds of positions in a payload.
  for (std::uint64_t i = 0; i < 64; ++i) {
    const auto bytes = static_cast<std::uint32_t>(512 * (1 + (i * 389) % 2047));
    const auto data = pattern(bytes, static_cast<unsigned>(i));
    client.request(Command::write, i, 0, bytes);
    client.send(data.data(), data.size());
    REQUIRE(client.reply(i) == 0);
    const auto same = f.with_fake(
        [&](FakeSession& s) { return std::memcmp(s.unit().disk.data(), data.data(), bytes) == 0; });
    REQUIRE(same);
  }
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().misaligned; }) == 0);
}

TEST_CASE("invalid requests are answered, and the stream continues") {
  LaneFixture f(1024);
  const auto client = f.connect();
  const auto data = pattern(4096, 1);
  client.request(Command::read, 1, 0, 100);
  CHECK(client.reply(1) == kEINVAL);
  client.request(static_cast<Command>(77), 2, 0, 512);
  CHECK(client.reply(2) == kEINVAL);
  client.request(Command::read, 3, 1024 * 512, 512);
  CHECK(client.reply(3) == kEINVAL);
  client.request(Command::write, 4, 1023 * 512, 4096);
  client.send(data.data(), 4096);
  CHECK(client.reply(4) == kENOSPC);
  client.request(Command::write, 5, 0, 9 << 20);
  const std::vector<std::byte> large(9 << 20);
  client.send(large.data(), large.size());
  CHECK(client.reply(5) == kEINVAL);
  client.request(Command::read, 6, 0, 0xfffffe00);
  CHECK(client.reply(6) == kEINVAL);
  client.request(Command::write, 7, 0, 0);
  CHECK(client.reply(7) == kEINVAL);
  client.request(Command::write_zeroes, 8, 0, 512, nbd::kCommandNoHole | nbd::kCommandFua);
  CHECK(client.reply(8) == 0);
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().forced; }) == 1);
  client.request(Command::flush, 9, 0, 0);
  CHECK(client.reply(9) == 0);
  client.request(Command::trim, 10, 0, 512 * 100, nbd::kCommandFua);
  CHECK(client.reply(10) == 0);
  client.request(Command::write, 11, 0, 4096, nbd::kCommandFua);
  client.send(data.data(), 4096);
  CHECK(client.reply(11) == 0);
  client.request(Command::write, 13, 0, 4096);
  client.send(data.data(), 4096);
  CHECK(client.reply(13) == 0);
  // The library does FUA for every unit.
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().forced; }) == 3);
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().flushes; }) == 1);
  client.request(Command::disconnect, 12, 0, 0);
  char c;
  CHECK(!client.receive(&c, 1));
  CHECK(f.wait_closed(1) == Errc::ok);
}

TEST_CASE("after a request with an unknown command or flag the stream continues behind its payload") {
  LaneFixture f;
  const auto client = f.connect();
  const auto data = pattern(131072, 1);
  std::uint64_t cookie = 0;
  for (int bit = 1; bit < 16; ++bit) {
    client.request(Command::write, ++cookie, 0, 131072, static_cast<std::uint16_t>(1 << bit));
    client.send(data.data(), data.size());
    CHECK(client.reply(cookie) == kEINVAL);
  }
  for (const std::uint16_t command : {5, 7, 8, 9, 0x7fff}) {  // CACHE, BLOCK_STATUS, RESIZE, unknown ones
    client.request(static_cast<Command>(command), ++cookie, 0, 131072);
    CHECK(client.reply(cookie) == kEINVAL);
  }
  client.request(Command::read, ++cookie, 0, 4096);
  CHECK(client.reply(cookie) == 0);
  std::vector<std::byte> back(4096);
  CHECK(client.receive(back.data(), back.size()));
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().writes; }) == 0);
}

TEST_CASE("a read-only unit refuses writes") {
  LaneFixture f;
  f.with_fake([](FakeSession& s) { s.unit().unit.read_only = true; });
  const auto client = f.connect();
  const auto data = pattern(512, 1);
  client.request(Command::write, 1, 0, 512);
  client.send(data.data(), 512);
  CHECK(client.reply(1) == kEPERM);
  client.request(Command::read, 2, 0, 512);
  CHECK(client.reply(2) == 0);
}

TEST_CASE("a broken stream closes the connection") {
  LaneFixture f;
  const auto client = f.connect();
  SECTION("bad magic") { client.send("this is not NBD at all, is it?", 30); }
  SECTION("bad magic, four bytes only") { client.send("GET ", 4); }
  SECTION("a huge write") { client.request(Command::write, 1, 0, (64u << 20) + 512); }
  char c;
  CHECK(!client.receive(&c, 1));
  CHECK(f.wait_closed(1) == Errc::protocol_error);
}

TEST_CASE("while the session is down requests fail at once; later ones work on the same connection") {
  LaneFixture f;
  const auto client = f.connect();
  f.with_fake([](FakeSession& s) { s.hold = true; });
  for (std::uint64_t i = 0; i < 10; ++i) client.request(Command::read, i, i * 4096, 4096);
  while (f.with_fake([](FakeSession& s) { return s.queue.size(); }) < 10) std::this_thread::yield();
  f.with_fake([](FakeSession& s) { (void)s.disconnect(); });
  for (std::uint64_t i = 0; i < 10; ++i) CHECK(client.reply(i) == kEIO);
  client.request(Command::read, 10, 0, 4096);
  CHECK(client.reply(10) == kEIO);
  client.request(Command::flush, 11, 0, 0);
  CHECK(client.reply(11) == kEIO);
  f.with_fake([](FakeSession& s) { (void)s.reconnect(); });
  client.request(Command::read, 12, 0, 4096);
  CHECK(client.reply(12) == 0);
  std::vector<std::byte> back(4096);
  CHECK(client.receive(back.data(), back.size()));
}
