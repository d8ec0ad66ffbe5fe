// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <time.h>

#include <cstring>
#include <random>
#include <thread>

#include "lane_fixture.hpp"

using nbd::Command;
using srpi::Errc;

namespace {

std::vector<std::byte> pattern(std::size_t bytes, unsigned seed) {
  std::vector<std::byte> data(bytes);
  std::mt19937 random(seed);
  for (auto& b : data) b = static_cast<std::byte>(random());
  return data;
}

constexpr std::uint32_t kEIO = 5, kEPERM = 1, kEINVAL = 22, kENOSPC = 28;

}  // namespace

TEST_CASE("a lane writes what it is given and reads it back, in every size") {
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
    CHECK((back == data));  // not printed: it is megabytes
    ++cookie;
  }
}

TEST_CASE("many requests in one segment, and one request byte by byte, are the same to a lane") {
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

TEST_CASE("a write's memory segments are whole blocks, wherever the receive chunks end") {
  LaneFixture f;
  const auto client = f.connect();
  // Headers of 28 bytes and payloads of many sizes put the ends of chunks at every kind of place in a payload.
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

TEST_CASE("faulty requests are answered and the stream goes on") {
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
  // FUA is the library's affair, whatever the unit can do itself.
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().forced; }) == 3);
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().flushes; }) == 1);
  client.request(Command::disconnect, 12, 0, 0);
  char c;
  CHECK(!client.receive(&c, 1));
  CHECK(f.wait_closed(1) == Errc::ok);
}

TEST_CASE("a read-only connection refuses writes") {
  LaneFixture f;
  const auto client = f.connect(1, {true});
  const auto data = pattern(512, 1);
  client.request(Command::write, 1, 0, 512);
  client.send(data.data(), 512);
  CHECK(client.reply(1) == kEPERM);
  client.request(Command::read, 2, 0, 512);
  CHECK(client.reply(2) == 0);
}

TEST_CASE("broken framing closes the connection") {
  LaneFixture f;
  const auto client = f.connect();
  SECTION("bad magic") { client.send("this is not NBD at all, is it?", 30); }
  SECTION("bad magic, four bytes only") { client.send("GET ", 4); }
  SECTION("a huge write") { client.request(Command::write, 1, 0, (32u << 20) + 512); }
  char c;
  CHECK(!client.receive(&c, 1));
  CHECK(f.wait_closed(1) == Errc::protocol_error);
}

TEST_CASE("while the session is down requests fail at once, then work again on the same connection") {
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

TEST_CASE("a target that does not answer stops the receiving, not the client's data") {
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

TEST_CASE("connections stuck in the middle of a write do not starve the others") {
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

TEST_CASE("as many connections as a session may have units are served at once, idle ones among them") {
  LaneFixture f;
  std::vector<Client> clients;
  for (std::uint64_t id = 1; id <= 256; ++id) clients.push_back(f.connect(id));
  const auto data = pattern(1 << 20, 5);
  std::vector<std::byte> back(1 << 20);
  for (const std::uint32_t bytes : {4096u, 1u << 20})  // the second time around, all have been idle
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

TEST_CASE("many connections with few receive chunks write deep queues at once") {
  srp_nbd::LaneOptions o;
  o.receive_chunk_bytes = 65536;
  o.receive_bytes = 5 * 65536;  // two of the connections may keep one
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

TEST_CASE("clients that stop in the middle of a request are sent away when others want their memory") {
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

TEST_CASE("clients that take their answers slowly are kept, and others get their small reads meanwhile") {
  srp_nbd::LaneOptions o;
  o.read_bytes = 2 << 20;
  o.max_request_bytes = 1 << 20;
  o.stuck_client = std::chrono::milliseconds(3000);
  LaneFixture f(65536, o);
  const auto slow = f.connect(1, {}, 0, 1 << 17), other = f.connect(2, {}, 0, 1 << 17);
  const auto large = f.connect(3), small = f.connect(4);
  slow.request(Command::read, 1, 0, 1 << 20);
  other.request(Command::read, 1, 0, 1 << 20);
  while (f.with_fake([](FakeSession& s) { return s.unit().reads; }) < 2) std::this_thread::yield();
  large.request(Command::read, 1, 0, 1 << 20);  // waits for either
  std::vector<std::byte> back(1 << 20);
  std::size_t taken = 0;
  // Faster than a client is called stuck, slower than the socket asks for more.
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

TEST_CASE("a client that takes nothing is sent away when others want its memory") {
  srp_nbd::LaneOptions o;
  o.read_bytes = 2 << 20;
  o.max_request_bytes = 1 << 20;
  o.stuck_client = std::chrono::milliseconds(1500);
  LaneFixture f(65536, o);
  const auto stuck = f.connect(1, {}, 0, 1 << 17), other = f.connect(2, {}, 0, 1 << 17), large = f.connect(3);
  stuck.request(Command::read, 1, 0, 1 << 20);
  other.request(Command::read, 1, 0, 1 << 20);
  while (f.with_fake([](FakeSession& s) { return s.unit().reads; }) < 2) std::this_thread::yield();
  large.request(Command::read, 1, 0, 1 << 20);
  CHECK(large.reply(1) == 0);
  CHECK(f.wait_closed(1) == Errc::timed_out);
}

TEST_CASE("connections beyond a lane's limit are refused, and it says so") {
  srp_nbd::LaneOptions o;
  o.max_connections = 2;
  LaneFixture f(1024, o);
  const auto first = f.connect(1), second = f.connect(2), third = f.connect(3);
  CHECK(f.wait_closed(3) == Errc::busy);
  char c;
  CHECK(!third.receive(&c, 1));
}

TEST_CASE("a client that vanishes leaves its requests to complete into the void") {
  LaneFixture f;
  f.with_fake([](FakeSession& s) { s.hold = true; });
  {
    const auto client = f.connect();
    const auto data = pattern(65536, 1);
    client.request(Command::write, 1, 0, 65536);
    client.send(data.data(), data.size());
    client.request(Command::read, 2, 0, 65536);
    client.request(Command::write, 3, 65536, 65536);
    client.send(data.data(), 1000);
    while (f.with_fake([](FakeSession& s) { return s.queue.size(); }) < 2) std::this_thread::yield();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  f.with_fake([](FakeSession& s) { s.hold = false; });
  CHECK(f.wait_closed(1) == Errc::protocol_error);
  CHECK(f.with_fake([](FakeSession& s) { return s.unit().writes; }) ==
        1);  // the parsed one, not the torn one
  const auto next = f.connect(2);
  next.request(Command::read, 1, 0, 512);
  CHECK(next.reply(1) == 0);
}

TEST_CASE("serve and drop report the end of a connection once") {
  LaneFixture f;
  (void)f.connect(7, {}, 99);
  CHECK(f.wait_closed(7) == Errc::no_such_lun);
  const auto client = f.connect(8);
  f.lane->drop(8);
  CHECK(f.wait_closed(8) == Errc::ok);
  char c;
  CHECK(!client.receive(&c, 1));
}

TEST_CASE("a lane may end while requests are under way") {
  LaneFixture f;
  const auto client = f.connect();
  f.with_fake([](FakeSession& s) { s.hold = true; });
  for (std::uint64_t i = 0; i < 10; ++i) client.request(Command::read, i, 0, 1 << 20);
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  f.lane.reset();
  char c;
  while (client.receive(&c, 1)) {
  }
  CHECK(f.closed[1] == Errc::cancelled);
}

TEST_CASE("a lane that is told to end says so when its thread has nothing left to do") {
  LaneFixture f;
  std::promise<void> hang, ended;
  f.lane->post([&](srpi::Session&) { hang.get_future().wait(); });
  auto over = ended.get_future();
  f.lane->end([&] { ended.set_value(); });
  CHECK(over.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  hang.set_value();
  REQUIRE(over.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  f.lane.reset();
}

TEST_CASE("an idle lane sleeps") {
  LaneFixture f;
  const auto client = f.connect();
  client.request(Command::read, 1, 0, 512);
  CHECK(client.reply(1) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto before = f.with_fake([](FakeSession& s) { return s.polls; });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto after = f.with_fake([](FakeSession& s) { return s.polls; });
  CHECK(after - before < 1000);  // the two calls themselves wake it, for some polls each
}

TEST_CASE("lane options are checked") {
  srp_nbd::LaneOptions o;
  CHECK(o.validate().has_value());
  o.receive_bytes = 1 << 20;
  REQUIRE(o.validate().has_error());
  CHECK(o.validate().error().code == Errc::invalid_argument);
}
