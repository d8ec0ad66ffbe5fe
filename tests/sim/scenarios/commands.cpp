// SPDX-License-Identifier: Apache-2.0
// Rows of the fault matrix about commands: statuses, deadlines, buffers, old writes, lost caches.
#include <algorithm>

#include "scenario.hpp"
#include "units.hpp"

using namespace srpi;
using namespace srpi::sim;
using loopback::Delivery;
using loopback::Verdict;
using session::State;
using target::Outcome;

namespace {

Plan one_at_a_time() {
  auto plan = quiet_plan();
  plan.depth = 1;
  plan.most_blocks = 1;
  plan.options.command_timeout = seconds(10);  // also limits the retries
  return plan;
}

// Gives the next block commands this outcome, `times` times. Returns the request's status.
Errc next_request(Scenario& s, const Outcome& outcome, int times) {
  int left = times;
  s.on_command = [&](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (!is_block_io(c) || left == 0) return std::nullopt;
    --left;
    return outcome;
  };
  std::array<std::uint64_t, 64> before{};
  while (left > 0) {
    for (std::size_t i = 0; i < before.size(); ++i) before[i] = s.workload().ended_with(static_cast<Errc>(i));
    s.submit(1);
    REQUIRE(s.idle(seconds(100)));
  }
  s.on_command = {};
  for (std::size_t i = 0; i < before.size(); ++i)
    if (s.workload().ended_with(static_cast<Errc>(i)) != before[i]) return static_cast<Errc>(i);
  return Errc::ok;
}

}  // namespace

TEST_CASE(
    "row 17: BUSY, TASK SET FULL and BECOMING READY are retried with delays and succeed when they end") {
  for (const auto& outcome :
       {Outcome::with_status(scsi::Status::busy), Outcome::with_status(scsi::Status::task_set_full),
        Outcome::check_condition(scsi::SenseKey::not_ready, scsi::kBecomingReady)}) {
    Scenario s(one_at_a_time());
    REQUIRE(s.live());
    const auto from = s.now();
    CHECK(next_request(s, outcome, 5) == Errc::ok);
    CHECK(s.now() - from > milliseconds(10));
    CHECK(s.session().status().losses == 0);
    CHECK(s.ends_well());
  }
}

TEST_CASE("row 21: a late RDMA WRITE cannot reach the buffer") {
  Scenario s;
  REQUIRE(s.live());
  int late = 0;
  s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
    if (d.kind != Delivery::Kind::rdma_write) return std::nullopt;
    ++late;
    return Verdict{.delay = seconds(1)};
  };
  for (int i = 0; i < 3; ++i) s.submit(8);
  REQUIRE(s.idle(milliseconds(500)));
  CHECK(late > 0);
  CHECK(s.session().status().losses > 0);
  s.on_delivery = {};
  s.run_for(seconds(3));  // the memory checker sees every access
  CHECK(s.ends_well());
}

TEST_CASE("row 21: the memory checker finds a late RDMA WRITE if abort leaves the queue pair alive") {
  Scenario s(quiet_plan(), {.canary = Canary::late_dma});
  REQUIRE(s.live());
  s.on_delivery = [](const Delivery& d) -> std::optional<Verdict> {
    // Prevent a new login, which would make the target end the transfer.
    if (d.kind == Delivery::Kind::request) return Verdict{.fault = Verdict::Fault::lost};
    if (d.kind != Delivery::Kind::rdma_write) return std::nullopt;
    return Verdict{.delay = milliseconds(300)};
  };
  for (int i = 0; i < 3; ++i) s.submit(8);
  s.run_for(seconds(3));
  REQUIRE(s.checks().failure());
  CHECK(s.checks().failure()->checker == Checker::memory_access);
}

TEST_CASE("row 22: after disconnect returns, nothing reaches the buffers") {
  for (int after = 0; after < 40; ++after) {
    INFO("after " << after << " us");
    Scenario s;
    REQUIRE(s.live());
    s.submit(8);
    s.run_for(std::chrono::microseconds(after));
    REQUIRE(s.session().disconnect());
    CHECK(s.workload().outstanding() == 0);
    s.run_for(milliseconds(10));
    REQUIRE(s.session().reconnect());
    s.poll_soon();
    REQUIRE(s.live());
    CHECK(s.ends_well());
  }
}

namespace {

// A write waits at the target when the connection is lost, and reaches the medium after every block was
// written again. Returns true if no block has old data.
bool survives_an_old_write(const Plan& plan) {
  Scenario s(plan);
  REQUIRE(s.live());
  int held = 0;
  s.on_command = [&](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (!is_write(c) || held > 0) return std::nullopt;
    ++held;
    return Outcome::of(Outcome::Kind::hold_medium);
  };
  while (held == 0) {
    s.submit(1);
    s.run_for(milliseconds(1));
  }
  CHECK(s.target().held() == 1);
  s.on_delivery = [](const Delivery& d) -> std::optional<Verdict> {  // the target does not get the disconnect
    if (d.kind != Delivery::Kind::disconnect) return std::nullopt;
    return Verdict{.fault = Verdict::Fault::lost};
  };
  s.network().break_queue_pair(s.network().last_connection(), true, fabric::WorkStatus::retry_exceeded);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
  REQUIRE(s.live());
  for (int i = 0; i < 600; ++i) {
    s.submit(1);
    REQUIRE(s.idle());
  }
  s.target().release_held();
  return s.ends_well();
}

Plan only_writes() {
  auto plan = one_at_a_time();
  plan.writes = 16;
  plan.options.command_timeout = milliseconds(100);  // the loss is noticed by this timer
  return plan;
}

}  // namespace

TEST_CASE(
    "row 23: a write that the target still holds from the old connection is not applied after the new "
    "login") {
  CHECK(survives_an_old_write(only_writes()));
}

TEST_CASE("row 23: nor does a target apply it whose logins end nothing") {
  auto plan = only_writes();
  plan.target.login_ends_held_writes = false;
  CHECK(survives_an_old_write(plan));
}

TEST_CASE("row 34: flushed blocks and blocks written with FUA survive a power failure") {
  auto plan = quiet_plan();
  plan.target.luns[0].force_unit_access = GENERATE(true, false);  // false: the write is followed by a flush
  Scenario s(plan);
  REQUIRE(s.live());
  const auto& unit = s.session().logical_units()[0]->info();
  REQUIRE(unit.write_cache);
  REQUIRE(unit.can_force_unit_access == plan.target.luns[0].force_unit_access);
  for (int i = 0; i < 20; ++i) {
    for (int n = 0; n < 6; ++n) s.submit(8), s.idle();
    s.inject(Fault::power_failure);
    s.run_for(milliseconds(1));
    s.target().set_online(true);
    REQUIRE(s.live());
  }
  CHECK(s.faults().of(Fault::power_failure) == 20);
  CHECK(s.ends_well());
}

TEST_CASE("row 35: a cache loses writes: flushes report it, FUA data survives, I/O goes on") {
  auto plan = quiet_plan();
  plan.target.luns[0].force_unit_access = GENERATE(true, false);
  Scenario s(plan);
  REQUIRE(s.live());
  int losses = 0, commands = 0;
  s.on_command = [&](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (++commands % 10 != 0) return std::nullopt;
    ++losses;
    return s.lose_writes(c);
  };
  for (int i = 0; i < 100; ++i) s.submit(8), s.idle();
  CHECK(losses >= 20);
  CHECK(s.workload().ended_with(Errc::medium_error) >= 5);
  s.on_command = {};
  const auto failed = s.workload().ended_with(Errc::medium_error);
  for (int i = 0; i < 20; ++i) s.submit(8), s.idle();
  CHECK(s.workload().ended_with(Errc::medium_error) <= failed + 1);
  CHECK(s.ends_well());
}

TEST_CASE("row 34: a write with FUA survives a power failure between the write and its flush") {
  auto plan = quiet_plan();
  plan.target.luns[0].force_unit_access = false;
  plan.options.fast_io_fail = seconds(1);
  plan.writes = 16;
  for (int i = 0; i < 8; ++i) {
    plan.seed = static_cast<std::uint64_t>(i);
    Scenario s(plan);
    REQUIRE(s.live());
    int failures = 0;
    s.on_command = [&](const target::CommandInfo& c) -> std::optional<Outcome> {
      // The flush of a range is not answered. It is held until the next login.
      if (c.cdb[0] != std::byte{0x35} || failures > 0) return std::nullopt;
      if (std::ranges::all_of(c.cdb.subspan(2, 8), [](std::byte b) { return b == std::byte{}; }))
        return std::nullopt;
      ++failures;
      return Outcome::of(Outcome::Kind::lose_command);
    };
    while (failures == 0) {
      s.submit(1);
      s.run_for(milliseconds(1));
    }
    s.inject(Fault::power_failure);
    s.run_for(milliseconds(1));
    s.target().set_online(true);
    REQUIRE(s.live());
    REQUIRE(s.idle());
    CHECK(s.workload().ended_with(Errc::no_connect) == 0);
    s.inject(Fault::power_failure);  // acknowledged writes must survive it
    s.run_for(milliseconds(1));
    s.target().set_online(true);
    REQUIRE(s.live());
    CHECK(s.ends_well());
  }
}
