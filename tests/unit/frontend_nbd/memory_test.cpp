// SPDX-License-Identifier: Apache-2.0
// Many clients, also slow and stuck ones, share the lane's memory.
#include <cstring>
#include <thread>

#include "nbd_fixture.hpp"

using nbd::Command;
using srpi::Errc;

TEST_CASE("while the target does not answer, receiving pauses and no data is lost") {
  srp_nbd::LaneOptions o;
  o.receive_chunk_bytes = 65536;
  o.max_connections = 2;
  o.receive_bytes = 5 * 65536;
  o.read_bytes = 2 << 20;
  o.max_request_bytes = 1 << 20;
  LaneFixture f(65536, o);
  const auto client = f.connect();
  f.with_fake([](FakeSession& s) { s.hold = true; });
  constexpr std::uint64_t kWrites = 64;
  std::thread sender([&] {
    for (std::uint64_t i = 0; i < kWrites; ++i) {
      const auto data = pattern(131072, static_cast<unsigned>(i));
      client.request(Command::write, i, i * 131072, 131072);
      client.send(data.data(), data.size());
    }
    for (std::uint64_t i = 0; i < 16; ++i) client.request(Command::read, kWrites + i, i * 131072, 1 << 20);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  f.with_fake([](FakeSession& s) { s.hold = false; });
  std::uint64_t replies = 0;
  std::vector<std::byte> back(1 << 20);
  for (; replies < kWrites + 16; ++replies) {
    nbd::SimpleReply r;
    REQUIRE(client.receive(&r, sizeof r));
    CHECK(std::uint32_t{r.error} == 0);
    if (std::uint64_t{r.cookie} >= kWrites) REQUIRE(client.receive(back.data(), back.size()));
  }
  sender.join();
  const auto disk = f.with_fake([](FakeSession& s) { return s.unit().disk; });
  for (std::uint64_t i = 0; i < kWrites; ++i)
    CHECK(std::memcmp(disk.data() + i * 131072, pattern(131072, static_cast<unsigned>(i)).data(), 131072) ==
          0);
}

TEST_CASE("connections that stop in the middle of a write do not block the others") {
  srp_nbd::LaneOptions o;
  o.receive_chunk_bytes = 65536;
  o.max_connections = 4;
  o.receive_bytes = 9 * 65536;
  LaneFixture f(65536, o);
  std::vector<Client> stuck;
  const std::vector<std::byte> part(200000);
  for (std::uint64_t id = 2; id < 5; ++id) {
    stuck.push_back(f.connect(id));
    stuck.back().request(Command::write, 1, 0, 1 << 20);
    stuck.back().send(part.data(), part.size());
  }
  const auto client = f.connect();
  const auto data = pattern(1 << 20, 3);
  for (std::uint64_t i = 0; i < 8; ++i) {
    client.request(Command::write, i, 4 << 20, 1 << 20);
    client.send(data.data(), data.size());
    CHECK(client.reply(i) == 0);
  }
}

TEST_CASE("one connection for each possible unit of a session is served, idle ones included") {
  LaneFixture f;
  std::vector<Client> clients;
  for (std::uint64_t id = 1; id <= 256; ++id) clients.push_back(f.connect(id));
  const auto data = pattern(1 << 20, 5);
  std::vector<std::byte> back(1 << 20);
  for (const std::uint32_t bytes : {4096u, 1u << 20})  // in the second round, all have been idle
    for (std::uint64_t i = 0; i < clients.size(); i += bytes == 4096 ? 1 : 51) {
      clients[i].request(Command::write, i, (i % 16) << 20, bytes);
      clients[i].send(data.data(), bytes);
      REQUIRE(clients[i].reply(i) == 0);
      clients[i].request(Command::read, i, (i % 16) << 20, bytes);
      REQUIRE(clients[i].reply(i) == 0);
      REQUIRE(clients[i].receive(back.data(), bytes));
      REQUIRE(std::memcmp(back.data(), data.data(), bytes) == 0);
    }
}

TEST_CASE("many connections with few receive chunks write with deep queues at the same time") {
  srp_nbd::LaneOptions o;
  o.receive_chunk_bytes = 65536;
  o.receive_bytes = 5 * 65536;  // two of the connections may keep a chunk
  LaneFixture f(65536, o);
  std::vector<Client> clients;
  for (std::uint64_t id = 1; id <= 40; ++id) clients.push_back(f.connect(id));
  std::vector<std::thread> senders;
  for (std::uint64_t c = 0; c < clients.size(); ++c)
    senders.emplace_back([&, c] {
      for (std::uint64_t i = 0; i < 40; ++i) {
        const auto data = pattern(512 * (1 + i), static_cast<unsigned>(c * 40 + i));
        clients[c].request(Command::write, i, (c * 40 + i) * 20480, static_cast<std::uint32_t>(data.size()));
        clients[c].send(data.data(), data.size());
      }
    });
  for (auto& sender : senders) sender.join();
  for (const auto& client : clients)
    for (int i = 0; i < 40; ++i) {
      nbd::SimpleReply r;
      REQUIRE(client.receive(&r, sizeof r));
      REQUIRE(std::uint32_t{r.error} == 0);
    }
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().misaligned; }) == 0);
  const auto disk = f.with_fake([](FakeSession& s) { return s.unit().disk; });
  for (std::uint64_t n = 0; n < 1600; ++n) {
    const auto data = pattern(512 * (1 + n % 40), static_cast<unsigned>(n));
    REQUIRE(std::memcmp(disk.data() + n * 20480, data.data(), data.size()) == 0);
  }
}

TEST_CASE("clients that stop in the middle of a request are disconnected when others need their memory") {
  srp_nbd::LaneOptions o;
  o.receive_chunk_bytes = 65536;
  o.receive_bytes = 5 * 65536;
  o.stuck_client = std::chrono::milliseconds(500);
  LaneFixture f(65536, o);
  std::vector<Client> stuck;
  for (std::uint64_t id = 2; id < 12; ++id) {
    stuck.push_back(f.connect(id));
    const nbd::be32 magic = nbd::kRequestMagic;
    stuck.back().send(&magic, sizeof magic);
  }
  const auto client = f.connect();
  client.request(Command::read, 1, 0, 4096);
  CHECK(client.reply(1) == 0);
  CHECK(f.wait_closed(2) == Errc::timed_out);
}

TEST_CASE("clients that read their replies slowly are kept, and others get small reads meanwhile") {
  srp_nbd::LaneOptions o;
  o.read_bytes = 2 << 20;
  o.max_request_bytes = 1 << 20;
  o.stuck_client = std::chrono::milliseconds(3000);
  LaneFixture f(65536, o);
  const auto slow = f.connect(1, 0, 1 << 17), other = f.connect(2, 0, 1 << 17);
  const auto large = f.connect(3), small = f.connect(4);
  slow.request(Command::read, 1, 0, 1 << 20);
  other.request(Command::read, 1, 0, 1 << 20);
  while (f.with_fake([](FakeSession& s) { return s.unit().reads; }) < 2) std::this_thread::yield();
  large.request(Command::read, 1, 0, 1 << 20);  // waits for both
  std::vector<std::byte> back(1 << 20);
  std::size_t taken = 0;
  // This is too fast for a stuck client, and slower than the lane could send.
  for (int i = 0; i < 120; ++i) {
    for (const auto* client : {&slow, &other}) REQUIRE(client->receive(back.data(), 2048));
    taken += 2048;
    if (i % 10 == 0) {
      small.request(Command::read, 100, 0, 16384);
      REQUIRE(small.reply(100) == 0);
      REQUIRE(small.receive(back.data(), 16384));
      REQUIRE(f.with_fake([](FakeSession& s) { return s.unit().reads; }) ==
              3u + static_cast<unsigned>(i) / 10);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  for (const auto* client : {&slow, &other})
    REQUIRE(client->receive(back.data(), (1 << 20) + sizeof(nbd::SimpleReply) - taken));
  CHECK(large.reply(1) == 0);
  CHECK(large.receive(back.data(), back.size()));
  const std::lock_guard lock(f.mutex);
  CHECK(f.closed.empty());
}

TEST_CASE("a client that reads nothing is disconnected when others need its memory") {
  srp_nbd::LaneOptions o;
  o.read_bytes = 2 << 20;
  o.max_request_bytes = 1 << 20;
  o.stuck_client = std::chrono::milliseconds(1500);
  LaneFixture f(65536, o);
  const auto stuck = f.connect(1, 0, 1 << 17), other = f.connect(2, 0, 1 << 17), large = f.connect(3);
  stuck.request(Command::read, 1, 0, 1 << 20);
  other.request(Command::read, 1, 0, 1 << 20);
  while (f.with_fake([](FakeSession& s) { return s.unit().reads; }) < 2) std::this_thread::yield();
  large.request(Command::read, 1, 0, 1 << 20);
  CHECK(large.reply(1) == 0);
  CHECK(f.wait_closed(1) == Errc::timed_out);
}
