// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <optional>

#include "daemon/live_waiters.hpp"

using namespace srp_nbd;
using namespace std::chrono_literals;

namespace {

struct Waits {
  boost::asio::io_context io;
  std::optional<LiveWaiters> waiters{io.get_executor()};
  std::vector<std::string> answers;  // "" is success

  void add(std::chrono::milliseconds time) {
    waiters->add(time, [this](const Outcome<>& outcome) {
      answers.push_back(outcome ? std::string() : outcome.error().code);
    });
  }
};

}  // namespace

TEST_CASE("who waits for a live session is told once, and no more by the deadline") {
  Waits waits;
  waits.add(1ms);
  waits.add(1h);
  waits.waiters->settle({});
  CHECK(waits.answers == std::vector<std::string>{"", ""});
  waits.io.run_for(1s);  // ends at once: both deadlines were taken back
  waits.waiters->settle(Failure::no_memory());
  CHECK(waits.answers.size() == 2);
}

TEST_CASE("a deadline that passes is told to its own waiter only") {
  Waits waits;
  waits.add(1ms);
  waits.add(1h);
  waits.io.run_one();
  REQUIRE(waits.answers == std::vector<std::string>{"connect_timed_out"});
  waits.waiters->settle({});
  CHECK(waits.answers == std::vector<std::string>{"connect_timed_out", ""});
}

TEST_CASE("waiters that go call nobody, even where a deadline has passed already") {
  Waits waits;
  waits.add(0ms);
  waits.waiters.reset();
  waits.io.run_for(1s);
  CHECK(waits.answers.empty());
}
