// SPDX-License-Identifier: Apache-2.0
// How long an attempt waits for a peer that does not answer its login.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;

namespace {

SessionOptions steady_retries() {
  SessionOptions options;
  options.reconnect_delay = options.reconnect_first_delay = 100ms;
  return options;
}

struct Silence : Rig {
  Silence() : Rig(steady_retries()) {}
  void lose() {
    network.break_queue_pair(network.last_connection(), true, fabric::WorkStatus::retry_exceeded);
    fabric.silent = true;
    begin = clock.now();
    while (nexus->state() == State::live) turn();
  }
  // Seconds that each failed attempt took, rounded; the delay between two is less than half a second.
  [[nodiscard]] std::vector<long> took() const {
    std::vector<long> seconds;
    for (auto last = begin; const auto at : failed_at) {
      seconds.push_back(std::chrono::floor<std::chrono::seconds>(at - last).count());
      last = at;
    }
    return seconds;
  }
  base::Time begin{};
};

}  // namespace

TEST_CASE("after a loss, an unanswered login is repeated after one second, then with growing delays") {
  Silence rig;
  rig.lose();
  rig.pass_in_steps(20s, 10ms);
  auto took = rig.took();
  REQUIRE(took.size() >= 5);
  took.resize(5);
  CHECK(took == std::vector<long>{1, 2, 4, 5, 5});

  SECTION("the next loss begins with a second again") {
    rig.fabric.silent = false;
    rig.come_back();
    REQUIRE(rig.nexus->state() == State::live);
    rig.failed_at.clear();
    rig.lose();
    rig.pass_in_steps(2s, 10ms);
    CHECK(rig.took() == std::vector<long>{1});
  }
}

TEST_CASE("a requested attempt has the whole connect_timeout") {
  Silence rig;
  rig.lose();
  rig.pass_in_steps(500ms, 10ms);
  rig.nexus->reconnect();
  rig.begin = rig.clock.now();
  rig.pass_in_steps(6s, 10ms);
  CHECK(rig.took() == std::vector<long>{5});
}
