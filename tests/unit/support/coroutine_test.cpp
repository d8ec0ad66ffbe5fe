// SPDX-License-Identifier: Apache-2.0
// The building blocks of the daemon's coroutines.
#include "support/coroutine.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <thread>

#include "test/awaited.hpp"

using namespace srp_nbd;
using namespace std::chrono_literals;

TEST_CASE("an answer reaches all that wait for it, and those that ask later; the first one counts") {
  boost::asio::io_context io;
  std::vector<std::string> results;
  const Answer<std::string> answer(io.get_executor());
  collect(io, results, answer.wait());
  collect(io, results, answer.wait());
  io.poll();
  CHECK(results.empty());
  answer.give("first");
  answer.give("second");
  io.poll();
  CHECK(results == std::vector<std::string>{"first", "first"});
  collect(io, results, answer.wait());
  io.restart();
  io.poll();
  CHECK(results.size() == 3);
}

TEST_CASE("an answer may come from another thread, and outlives the handle of the one that waits") {
  boost::asio::io_context io;
  std::vector<int> results;
  std::optional<Answer<int>> answer(io.get_executor());
  collect(io, results, answer->wait());
  std::thread other([copy = *answer] { copy.send(7); });
  answer.reset();
  other.join();
  io.run();
  CHECK(results == std::vector<int>{7});
}

TEST_CASE("a wait with a deadline ends without an answer, and leaves the others waiting") {
  boost::asio::io_context io;
  std::vector<std::optional<int>> results;
  const Answer<int> answer(io.get_executor());
  const auto now = Answer<int>::Clock::now();
  collect(io, results, answer.wait_until(now + 1ms));
  collect(io, results, answer.wait_until(now + 1h));
  while (results.empty()) io.run_one();
  CHECK_FALSE(results[0]);
  answer.give(1);
  io.run();
  REQUIRE(results.size() == 2);
  CHECK(results[1] == 1);
}

TEST_CASE("within: work that is late is cancelled before the caller goes on") {
  boost::asio::io_context io;
  std::vector<std::optional<int>> results;
  const Answer<int> never(io.get_executor()), soon(io.get_executor());
  collect(io, results, within(1ms, never.wait()));
  io.run();  // nothing is left waiting
  REQUIRE(results.size() == 1);
  CHECK_FALSE(results[0]);
  soon.give(3);
  collect(io, results, within(1h, soon.wait()));
  io.restart();
  io.run();
  CHECK(results[1] == 3);
}
