// SPDX-License-Identifier: Apache-2.0
// The lane's thread, with front ends without a protocol.
#include "lane/lane.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <map>

#include "fake_front_end.hpp"
#include "test/call_on_lane.hpp"
#include "test/closed_connections.hpp"
#include "test/fake_session.hpp"

using namespace srp_nbd;
using srpi::Errc;

namespace {

struct Fixture {
  explicit Fixture(LaneOptions options = {}) {
    auto observer = std::make_unique<ClosedConnections>(
        [this](std::uint64_t id, const srpi::Error& why) { closed.emplace(id, why.code); });
    lane = Lane::start(
               [](srpi::SessionObserver*) -> srpi::Result<std::unique_ptr<srpi::Session>> {
                 return std::unique_ptr<srpi::Session>(std::make_unique<FakeSession>(1024));
               },
               std::move(observer), std::move(options))
               .value();
  }
  void host(std::uint64_t id, std::uint64_t lun = 0) {
    lane->host(id, lun,
               [this](LaneHost& host, srpi::LogicalUnit& unit, std::uint64_t i, std::uint32_t requests) {
                 made_for = unit.info().lun;
                 share = requests;
                 auto front_end = std::make_unique<FakeFrontEnd>(host, i);
                 last = front_end.get();
                 return front_end;
               });
  }
  // Runs on the lane's thread, which owns the members below while the lane runs.
  template<class F>
  auto there(F f) {
    return call_on_lane(*lane, [&](srpi::Session&) { return f(); });
  }

  std::multimap<std::uint64_t, Errc> closed;
  std::optional<std::uint64_t> made_for;
  std::uint32_t share = 0;
  FakeFrontEnd* last = nullptr;
  std::unique_ptr<Lane> lane;
};

}  // namespace

TEST_CASE("a lane hosts any kind of front end until it is dropped") {
  Fixture f;
  f.host(7);
  f.there([&] {
    CHECK(f.made_for == 0u);
    CHECK(f.share == f.lane->options().requests_per_connection);
    CHECK(f.last->starts == 1);
    f.last->at_rest = false;
  });
  f.lane->drop(7);
  f.there([&] { f.last->close({Errc::busy, "too late: the first reason is kept"}); });
  f.there([&] {
    CHECK(f.closed.empty());
    f.last->come_to_rest();
  });
  f.lane->drop(7);  // it may have ended before
  f.lane.reset();
  CHECK(f.closed == std::multimap<std::uint64_t, Errc>{{7, Errc::ok}});
}

TEST_CASE("a lane refuses a front end without a unit or without a place") {
  LaneOptions options;
  options.max_connections = 1;
  Fixture f(options);
  f.host(1, 99);
  f.host(2);
  f.host(3);
  f.there([&] {
    CHECK(f.closed == std::multimap<std::uint64_t, Errc>{{1, Errc::no_such_lun}, {3, Errc::busy}});
  });
  f.lane.reset();
  CHECK(f.closed.count(2) == 1);
  CHECK(f.closed.find(2)->second == Errc::cancelled);
}

TEST_CASE("Lane::end reports when the thread has ended its work") {
  Fixture f;
  std::promise<void> hang, ended;
  f.lane->post([&](srpi::Session&) { hang.get_future().wait(); });
  auto over = ended.get_future();
  f.lane->end([&] { ended.set_value(); });
  CHECK(over.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
  hang.set_value();
  REQUIRE(over.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  f.lane.reset();
}
