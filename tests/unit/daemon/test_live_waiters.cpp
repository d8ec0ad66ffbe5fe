// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "daemon/managed_session.hpp"
#include "test/awaited.hpp"

using namespace srp_nbd;
using namespace std::chrono_literals;

namespace {

struct Waits {
  boost::asio::io_context io;
  LiveWaiters waiters{io.get_executor()};
  std::vector<Outcome<>> outcomes;

  void poll() {
    io.restart();  // it stops whenever nothing waits, for example when a deadline was over at once
    io.poll();
  }
  void add(std::chrono::milliseconds time) {
    collect(io, outcomes, LiveWaiters::wait(waiters.ticket(), time));
    poll();
  }
  // What they have been told by now; "" is success.
  std::vector<std::string> answers() {
    poll();
    std::vector<std::string> result;
    for (const auto& outcome : outcomes) result.push_back(outcome ? std::string() : outcome.error().code);
    return result;
  }
};

}  // namespace

TEST_CASE("a waiter for a live session is called once, and not again at the deadline") {
  Waits waits;
  waits.add(1h);
  waits.add(1h);
  waits.waiters.settle({});
  CHECK(waits.answers() == std::vector<std::string>{"", ""});
  waits.io.run_for(1s);  // ends at once: both deadlines were taken back
  waits.waiters.settle(Failure{});
  CHECK(waits.answers().size() == 2);
}

TEST_CASE("a deadline calls only its own waiter") {
  Waits waits;
  waits.add(1ms);
  waits.add(1h);
  while (waits.outcomes.empty()) waits.io.run_one();
  REQUIRE(waits.answers() == std::vector<std::string>{"connect_timed_out"});
  waits.waiters.settle({});
  CHECK(waits.answers() == std::vector<std::string>{"connect_timed_out", ""});
}

TEST_CASE("a waiter goes on waiting when fast_io_fail ends, because the attempt goes on") {
  Waits waits;
  waits.add(1h);
  waits.waiters.disconnected(srpi::SessionState::recovering, {srpi::Errc::unreachable, "the loss"});
  CHECK(waits.answers().empty());
  SECTION("live") { waits.waiters.settle({}); }
  SECTION("another failure") { waits.waiters.fail({srpi::Errc::refused, "nobody listens"}); }
  REQUIRE(waits.answers().size() == 1);
  CHECK((waits.answers()[0].empty() || waits.answers()[0] == "refused"));
}

TEST_CASE("a waiter for a disconnected session gets the reason") {
  Waits waits;
  waits.add(1h);
  SECTION("by an administrator") {
    waits.waiters.disconnected(srpi::SessionState::disconnecting, {});
    CHECK(waits.answers() == std::vector<std::string>{"no_connect"});
  }
  SECTION("by a loss") {
    waits.waiters.disconnected(srpi::SessionState::live, {srpi::Errc::unreachable, "silent"});
    CHECK(waits.answers() == std::vector<std::string>{"unreachable"});
  }
}
