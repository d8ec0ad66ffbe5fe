// SPDX-License-Identifier: Apache-2.0
// Requests of clients that have not asked for block sizes: up to 64 MiB, with 16 MiB of memory for reads.
#include <cstring>
#include <thread>

#include "nbd_fixture.hpp"

using nbd::Command;
using srpi::Errc;

namespace {

constexpr std::uint32_t kMiB = 1u << 20;

Client connect_unsized(LaneFixture& f, std::uint64_t id = 1) {
  return f.connect(id, 0, 0, nbd::kMaxPayloadBytes);
}

std::vector<std::byte> fill_disk(LaneFixture& f, unsigned seed) {
  auto data = pattern(f.with_fake([](FakeSession& s) { return s.unit().disk.size(); }), seed);
  f.with_fake([&](FakeSession& s) { s.unit().disk = data; });
  return data;
}

}  // namespace

TEST_CASE("requests of up to 64 MiB are executed as a whole") {
  LaneFixture f(129 * 2048);
  const auto client = connect_unsized(f);
  std::uint64_t cookie = 1;
  for (const std::uint32_t bytes : {8 * kMiB + 512, 16 * kMiB, 17319936u, 32 * kMiB, 64 * kMiB}) {
    const auto data = pattern(bytes, bytes);
    const std::uint64_t offset = 512 * cookie;
    client.request(Command::write, cookie, offset, bytes);
    client.send(data.data(), data.size());
    CHECK(client.reply(cookie) == 0);
    CHECK(f.with_fake(
        [&](FakeSession& s) { return std::memcmp(s.unit().disk.data() + offset, data.data(), bytes) == 0; }));
    client.request(Command::read, cookie, offset, bytes);
    CHECK(client.reply(cookie) == 0);
    std::vector<std::byte> back(bytes);
    REQUIRE(client.receive(back.data(), back.size()));
    CHECK((back == data));  // do not print megabytes
    ++cookie;
  }
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().misaligned; }) == 0);
  client.request(Command::read, cookie, 0, 64 * kMiB + 512);
  CHECK(client.reply(cookie) == kEINVAL);
}

TEST_CASE("a client that has agreed to 8 MiB gets EINVAL for more") {
  LaneFixture f;
  const auto client = f.connect();
  client.request(Command::read, 1, 0, 8 * kMiB + 512);
  CHECK(client.reply(1) == kEINVAL);
  client.request(Command::read, 2, 0, 512);
  CHECK(client.reply(2) == 0);
}

TEST_CASE("no other reply comes between the parts of a long read") {
  LaneFixture f(64 * 2048);
  const auto disk = fill_disk(f, 1);
  const auto client = connect_unsized(f);
  f.with_fake([](FakeSession& s) { s.hold_writes = true; });
  client.request(Command::write, 1, 60 * kMiB, 4096);
  client.send(disk.data() + 60 * kMiB, 4096);
  client.request(Command::read, 2, 0, 20 * kMiB);
  client.request(Command::read, 3, 1 * kMiB, 4096);
  client.request(Command::read, 4, 30 * kMiB, 17 * kMiB);
  client.request(Command::flush, 5, 0, 0);

  REQUIRE(client.reply(2) == 0);
  std::vector<std::byte> back(20 * kMiB);
  REQUIRE(client.receive(back.data(), 5 * kMiB));
  f.with_fake([](FakeSession& s) { s.hold_writes = false; });  // its reply is due now, amid the first part
  REQUIRE(client.receive(back.data() + 5 * kMiB, 15 * kMiB));
  CHECK(std::memcmp(back.data(), disk.data(), 20 * kMiB) == 0);

  std::vector<std::uint64_t> cookies;
  for (int i = 0; i < 4; ++i) {
    nbd::SimpleReply r;
    REQUIRE(client.receive(&r, sizeof r));
    REQUIRE(std::uint32_t{r.magic} == nbd::kSimpleReplyMagic);
    CHECK(std::uint32_t{r.error} == 0);
    cookies.push_back(r.cookie);
    const std::size_t bytes = r.cookie == 3u ? 4096 : r.cookie == 4u ? 17 * kMiB : 0;
    const std::size_t offset = r.cookie == 3u ? 1 * kMiB : 30 * kMiB;
    REQUIRE(client.receive(back.data(), bytes));
    CHECK(std::memcmp(back.data(), disk.data() + offset, bytes) == 0);
  }
  std::sort(cookies.begin(), cookies.end());
  CHECK(cookies == std::vector<std::uint64_t>{1, 3, 4, 5});
}

TEST_CASE("long reads of several clients share the memory") {
  LaneFixture f(64 * 2048);
  const auto disk = fill_disk(f, 2);
  std::vector<Client> clients;
  for (std::uint64_t id = 1; id <= 4; ++id) clients.push_back(connect_unsized(f, id));
  const auto small = f.connect(5);
  std::vector<std::thread> readers;
  std::vector<int> good(clients.size());
  for (const auto& client : clients)
    for (std::uint64_t i = 0; i < 3; ++i) client.request(Command::read, i, i * 512, 40 * kMiB);
  for (std::size_t c = 0; c < clients.size(); ++c)
    readers.emplace_back([&, c] {
      std::vector<std::byte> back(40 * kMiB);
      for (std::uint64_t i = 0; i < 3; ++i) {
        nbd::SimpleReply r;
        if (!clients[c].receive(&r, sizeof r) || !clients[c].receive(back.data(), back.size())) return;
        good[c] += std::memcmp(back.data(), disk.data() + r.cookie * 512, back.size()) == 0;
      }
    });
  for (std::uint64_t i = 0; i < 20; ++i) {
    std::vector<std::byte> back(4096);
    small.request(Command::read, i, 0, 4096);
    REQUIRE(small.reply(i) == 0);
    REQUIRE(small.receive(back.data(), back.size()));
  }
  for (auto& reader : readers) reader.join();
  CHECK(good == std::vector<int>{3, 3, 3, 3});
}

TEST_CASE("a long read that fails before its reply has begun is answered with the error") {
  LaneFixture f(64 * 2048);
  const auto client = connect_unsized(f);
  f.with_fake([](FakeSession& s) { (void)s.disconnect(); });
  client.request(Command::read, 1, 0, 32 * kMiB);
  CHECK(client.reply(1) == kEIO);
  f.with_fake([](FakeSession& s) { (void)s.reconnect(); });
  client.request(Command::read, 2, 0, 32 * kMiB);
  CHECK(client.reply(2) == 0);
  std::vector<std::byte> back(32 * kMiB);
  CHECK(client.receive(back.data(), back.size()));
}

TEST_CASE("a long read that fails after its reply has begun ends the connection, and no other byte is sent") {
  LaneFixture f(64 * 2048);
  const auto client = connect_unsized(f);
  client.request(Command::read, 1, 0, 32 * kMiB);
  client.request(Command::read, 2, 0, 4096);
  REQUIRE(client.reply(1) == 0);
  f.with_fake([](FakeSession& s) { (void)s.disconnect(); });  // the first part fills the socket
  std::vector<std::byte> back(8 * kMiB);
  REQUIRE(client.receive(back.data(), back.size()));
  CHECK(!client.receive(back.data(), 1));
  CHECK(f.wait_closed(1) == Errc::no_connect);
  const auto next = connect_unsized(f, 2);
  f.with_fake([](FakeSession& s) { (void)s.reconnect(); });
  next.request(Command::read, 1, 0, 32 * kMiB);
  CHECK(next.reply(1) == 0);
}

TEST_CASE("a client that leaves in the middle of a long read gives its memory back") {
  LaneFixture f(64 * 2048);
  for (std::uint64_t id = 1; id <= 4; ++id) {
    const auto client = connect_unsized(f, id);
    client.request(Command::read, 1, 0, 32 * kMiB);
    CHECK(client.reply(1) == 0);
  }
  for (std::uint64_t id = 1; id <= 4; ++id) CHECK(f.wait_closed(id) == Errc::no_connect);
  const auto client = connect_unsized(f, 5);
  client.request(Command::read, 1, 0, 64 * kMiB);
  CHECK(client.reply(1) == 0);
  std::vector<std::byte> back(64 * kMiB);
  CHECK(client.receive(back.data(), back.size()));
}
