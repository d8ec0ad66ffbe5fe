// SPDX-License-Identifier: Apache-2.0
// The start and the end of connections.
#include <thread>

#include "nbd_fixture.hpp"

using nbd::Command;
using srpi::Errc;

TEST_CASE("connections beyond a lane's limit are refused and reported") {
  srp_nbd::LaneOptions o;
  o.max_connections = 2;
  LaneFixture f(1024, o);
  const auto first = f.connect(1), second = f.connect(2), third = f.connect(3);
  CHECK(f.wait_closed(3) == Errc::busy);
  char c;
  CHECK(!third.receive(&c, 1));
}

TEST_CASE("requests of a client that disconnects complete without a reply") {
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
        1);  // the complete one, not the incomplete one
  const auto next = f.connect(2);
  next.request(Command::read, 1, 0, 512);
  CHECK(next.reply(1) == 0);
}

TEST_CASE("serve and drop report the end of a connection once") {
  LaneFixture f;
  (void)f.connect(7, 99);
  CHECK(f.wait_closed(7) == Errc::no_such_lun);
  const auto client = f.connect(8);
  f.lane->drop(8);
  CHECK(f.wait_closed(8) == Errc::ok);
  char c;
  CHECK(!client.receive(&c, 1));
}

TEST_CASE("a lane may end while requests are in progress") {
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

TEST_CASE("an idle lane sleeps") {
  LaneFixture f;
  const auto client = f.connect();
  client.request(Command::read, 1, 0, 512);
  CHECK(client.reply(1) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto before = f.with_fake([](FakeSession& s) { return s.polls; });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto after = f.with_fake([](FakeSession& s) { return s.polls; });
  CHECK(after - before < 1000);  // each of the two calls wakes the lane for some polls
}
