// SPDX-License-Identifier: Apache-2.0
// Rows of the fault matrix about commands without an answer, lost packets and a rival initiator.
#include <algorithm>
#include <array>

#include "address.hpp"
#include "loopback/fabric.hpp"
#include "scenario.hpp"

using namespace srpi;
using namespace srpi::sim;
using loopback::Delivery;
using loopback::Verdict;
using session::State;
using std::chrono::microseconds;
using target::Outcome;
using target::TaskOutcome;

namespace {

// Gives the next block command this outcome. Returns when the target has the command.
void next_command(Scenario& s, Outcome::Kind kind) {
  int fired = 0;
  s.on_command = [&fired, kind](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (!is_block_io(c) || fired > 0) return std::nullopt;
    ++fired;
    return Outcome::of(kind);
  };
  while (fired == 0) {
    s.submit(1);
    s.run_for(microseconds(100));
  }
  s.on_command = {};
}

std::vector<wire::TaskFunction> note_functions(Scenario& s, TaskOutcome outcome,
                                               std::vector<base::Time>& when) {
  std::vector<wire::TaskFunction> seen;
  s.target().set_task_hook([&](const wire::TaskManagement& t) {
    seen.push_back(t.function);
    when.push_back(s.now());
    return outcome;
  });
  s.run_until([&] { return s.session().status().losses > 0; }, milliseconds(300));
  s.target().set_task_hook({});
  return seen;
}

constexpr bool is_data(Delivery::Kind kind) {
  return kind == Delivery::Kind::send || kind == Delivery::Kind::rdma_read ||
         kind == Delivery::Kind::rdma_write;
}

}  // namespace

TEST_CASE("row 2: lost packets that the transport sends again delay I/O, but do not fail it") {
  Scenario s;
  REQUIRE(s.live());
  base::Random random(2);
  int lost = 0;
  s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
    // A try of the transport takes 1 ms here. Up to three in a row are lost.
    if (!is_data(d.kind) || !random.chance(3, 10)) return std::nullopt;
    ++lost;
    return Verdict{.delay = milliseconds(1 + random.below(3))};
  };
  for (int i = 0; i < 50; ++i) {
    s.submit(8);
    REQUIRE(s.idle());
  }
  CHECK(lost > 100);
  CHECK(s.workload().ended_with(Errc::no_connect) + s.workload().ended_with(Errc::timed_out) == 0);
  CHECK(s.session().status().losses == 0);
  CHECK(s.ends_well());
}

TEST_CASE("row 2: a link that is down is a loss, and the session recovers when it is up again") {
  for (const bool held : {false, true}) {
    auto plan = quiet_plan();
    if (held) plan.options.fast_io_fail = seconds(5);
    Scenario s(plan);
    REQUIRE(s.live());
    s.submit(8);
    s.idle();
    int dropped = 0;
    s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
      ++dropped;
      // No messages arrive. The transport gives up.
      if (!is_data(d.kind)) return Verdict{.fault = Verdict::Fault::lost};
      return Verdict{.fault = Verdict::Fault::fail_undelivered,
                     .status = fabric::WorkStatus::retry_exceeded,
                     .acknowledgement_delay = milliseconds(7)};
    };
    s.submit(8);
    REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, milliseconds(50)));
    s.run_for(seconds(1));
    CHECK(s.state() != State::live);
    CHECK(s.attempt_errors().size() > 2);
    CHECK(dropped > 2);
    const auto failed = s.workload().ended_with(Errc::no_connect);
    CHECK((failed == 0) == held);
    s.on_delivery = {};
    REQUIRE(s.live());
    REQUIRE(s.idle());
    CHECK(s.workload().ended_with(Errc::no_connect) == failed);
    CHECK(s.session().status().losses == 1);
    CHECK(s.ends_well());
  }
}

TEST_CASE(
    "row 18: a command without an answer is aborted at its deadline and completes once with timed_out") {
  Scenario s;
  REQUIRE(s.live());
  const auto from = s.now();
  next_command(s, Outcome::Kind::lose_command);
  REQUIRE(s.run_until([&] { return s.workload().ended_with(Errc::timed_out) == 1; }, milliseconds(200)));
  CHECK(s.now() - from >= milliseconds(100));
  CHECK(s.now() - from < milliseconds(110));
  CHECK(s.target().counters().task_management == 1);
  CHECK(s.session().status().losses == 0);
  CHECK(s.ends_well());
}

TEST_CASE("row 19: a command that is answered during its abort completes once; the first answer counts") {
  std::array<int, 2> ended{};  // ok, timed_out
  for (int us = -30; us <= 30; ++us) {
    INFO("answered " << us << " us after the deadline");
    Scenario s;
    REQUIRE(s.live());
    next_command(s, Outcome::Kind::hold);
    REQUIRE(s.target().held() == 1);
    const auto before = s.workload().completed();
    s.run_for(s.session().next_deadline() - s.now() + microseconds(us));
    s.target().release_held();
    s.poll_soon();
    REQUIRE(s.idle());
    CHECK(s.workload().completed() == before + 1);
    const auto timed_out = s.workload().ended_with(Errc::timed_out);
    ++ended[timed_out > 0];
    CHECK(s.session().status().losses == 0);
    CHECK(s.ends_well());
  }
  CHECK(ended[0] > 0);
  CHECK(ended[1] > 0);
}

TEST_CASE(
    "row 20: after a lost abort comes a reset, after a lost reset the end of the connection, each in time") {
  Scenario s;
  REQUIRE(s.live());
  next_command(s, Outcome::Kind::lose_command);
  const auto sent = s.now();
  std::vector<base::Time> when;
  const auto seen = note_functions(s, {.kind = TaskOutcome::Kind::lose}, when);
  REQUIRE(seen == std::vector{wire::TaskFunction::abort_task, wire::TaskFunction::lun_reset});
  const auto over = s.now();
  const auto about = [](base::Duration d, base::Duration expected) {
    return d > expected - milliseconds(3) && d < expected + milliseconds(3);
  };
  CHECK(about(when[0] - sent, milliseconds(100)));
  CHECK(about(when[1] - when[0], milliseconds(50)));
  CHECK(about(over - when[1], milliseconds(50)));
  CHECK(s.workload().ended_with(Errc::timed_out) == 1);
  REQUIRE(s.live());
  CHECK(s.session().status().losses == 1);
  CHECK(s.ends_well());
}

TEST_CASE(
    "row 20: after a refused abort comes a reset at once, after a refused reset the end of the connection") {
  Scenario s;
  REQUIRE(s.live());
  next_command(s, Outcome::Kind::lose_command);
  std::vector<base::Time> when;
  const auto seen =
      note_functions(s, {.kind = TaskOutcome::Kind::answer, .result = wire::TaskResult::failed}, when);
  REQUIRE(seen == std::vector{wire::TaskFunction::abort_task, wire::TaskFunction::lun_reset});
  CHECK(s.now() - when[0] < milliseconds(3));
  CHECK(s.workload().ended_with(Errc::timed_out) == 1);
  REQUIRE(s.live());
  CHECK(s.session().status().losses == 1);
  CHECK(s.ends_well());
}

TEST_CASE("row 22: a cancelled request completes only when the target cannot reach its buffers any more") {
  int cancelled = 0;
  for (int after = 0; after < 60; after += 2) {
    INFO("after " << after << " us");
    Scenario s;
    REQUIRE(s.live());
    // RDMA that takes longer than the call.
    s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
      if (d.kind != Delivery::Kind::rdma_read && d.kind != Delivery::Kind::rdma_write) return std::nullopt;
      return Verdict{.delay = microseconds(200)};
    };
    for (int i = 0; i < 4; ++i) s.submit(8);
    s.run_for(microseconds(after));
    bool over = false;
    TaskRequest abort;
    abort.context = &over;
    abort.on_complete = [](TaskRequest& t) noexcept { *static_cast<bool*>(t.context) = true; };
    s.session().logical_units()[0]->abort(abort);
    s.poll_soon();
    REQUIRE(s.run_until([&] { return over; }, seconds(1)));
    CHECK(s.workload().outstanding() == 0);
    cancelled += static_cast<int>(s.workload().ended_with(Errc::cancelled));
    s.on_delivery = {};
    s.run_for(milliseconds(10));  // the memory checker looks at every access
    CHECK(s.session().status().losses == 0);
    CHECK(s.ends_well());
  }
  CHECK(cancelled > 0);
}

TEST_CASE("row 33: one of two sessions with the same port id stops with the reason, the other works") {
  Scenario s;
  REQUIRE(s.live());
  auto options = quiet_plan().options;
  options.initiator_ext = 0x73696d;  // the same as ours
  auto rival = std::make_unique<api::SessionImpl>(
      address(), options, nullptr,
      std::make_unique<loopback::Fabric>(s.network(), s.network().initiator_device()), nullptr, 99,
      &s.clock());
  const auto both = [&](base::Duration time) {
    for (const auto end = s.now() + time; s.now() < end;) {
      if (rival->poll() > 0) s.poll_soon();  // its poll also runs the network
      if (s.run_for(microseconds(100))) continue;
      FAIL(to_string(s.checks().failure()->checker) << ": " << s.checks().failure()->seen);
    }
  };
  both(seconds(20));
  const auto ours = s.session().status(), its = rival->status();
  const bool we_stopped = s.state() == State::stopped;
  CHECK((we_stopped ? its : ours).state == SessionState::live);
  const auto& loser = we_stopped ? ours : its;
  CHECK(loser.state == SessionState::disconnected);
  CHECK(loser.last_error.code == Errc::evicted);
  CHECK(loser.last_error.detail.find("initiator extension of its own") != std::string::npos);
  CHECK_FALSE(loser.next_attempt_in);
  const auto logins = s.target().counters().logins;
  both(seconds(5));
  CHECK(s.target().counters().logins == logins);
  rival.reset();
  CHECK(s.ends_well());
}
