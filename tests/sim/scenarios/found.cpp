// SPDX-License-Identifier: Apache-2.0
// The shortest reproductions of bugs that random seeds have found in the library.
#include "scenario.hpp"

using namespace srpi;
using namespace srpi::sim;
using loopback::Delivery;
using loopback::Verdict;
using session::State;
using target::Outcome;

TEST_CASE("disconnect leaves nothing outstanding, also if there is nothing to tear down") {
  Scenario s;
  REQUIRE(s.live());
  REQUIRE(s.session().disconnect());
  s.submit(8);
  s.session().flush();  // they have failed, but no poll has completed them yet
  REQUIRE(s.workload().outstanding() > 0);
  REQUIRE(s.session().disconnect());
  CHECK(s.workload().outstanding() == 0);
  REQUIRE(s.session().reconnect());
  s.poll_soon();
  CHECK(s.ends_well());
}

TEST_CASE("disconnect completes requests that did not need the target") {
  auto plan = quiet_plan();
  plan.target.luns[0].volatile_cache = false;  // so a flush needs no command
  Scenario s(plan);
  REQUIRE(s.live());
  int completions = 0;
  IoRequest flush;
  flush.operation = IoOperation::flush;
  flush.context = &completions;
  flush.on_complete = [](IoRequest& r) noexcept { ++*static_cast<int*>(r.context); };
  s.session().logical_units()[0]->submit(flush);
  REQUIRE(completions == 0);
  REQUIRE(s.session().disconnect());
  CHECK(completions == 1);
  CHECK(flush.status == Errc::ok);
  CHECK(s.ends_well());
}

TEST_CASE("a command deadline is noticed in time, also shortly after a look at the connection") {
  Scenario s;
  REQUIRE(s.live());
  s.on_command = [](const target::CommandInfo&) { return Outcome::of(Outcome::Kind::lose_command); };
  s.submit(4);
  s.run_for(milliseconds(1));
  REQUIRE(s.session().next_deadline() > s.now() + milliseconds(1));
  s.run_for(s.session().next_deadline() - s.now() - milliseconds(1));
  s.session().poll();
  CHECK(s.run_for(milliseconds(1)));  // otherwise the session would be awake without doing anything
  CHECK(s.run_for(milliseconds(1)));
  CHECK(s.target().counters().task_management >= 1);  // they are being aborted
  s.on_command = {};
  CHECK(s.ends_well());
}

TEST_CASE("a failed MODE SENSE does not make the session assume that there is no volatile cache") {
  Scenario s;
  int refused = 0;
  s.on_command = [&](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (c.cdb[0] != std::byte{0x1a} || refused > 0) return std::nullopt;
    ++refused;
    return Outcome::with_status(scsi::Status::reservation_conflict);
  };
  REQUIRE(s.live());
  CHECK(refused == 1);
  CHECK(s.attempt_errors().empty());
  CHECK(s.session().logical_units()[0]->info().write_cache);
  CHECK(s.ends_well());
}

TEST_CASE("a keepalive that waits for a credit does not keep the session awake") {
  auto plan = quiet_plan();
  plan.options.keepalive = milliseconds(20);
  Scenario s(plan);
  REQUIRE(s.live());
  s.target().send_credit_request(-100);
  s.run_for(milliseconds(50));
  REQUIRE(s.state() == State::live);
  REQUIRE(s.wire().outstanding() == 0);
  CHECK(s.session().next_deadline() > s.now());
  CHECK(s.ends_well());
}

TEST_CASE("a channel is lost too if the target has forgotten it, and only a join's login shows it") {
  auto plan = quiet_plan();
  plan.options.channels = 2;
  Scenario s(plan);
  const auto is_complete = [&] { return s.session().status().channels_live == 2; };
  REQUIRE(s.live());
  REQUIRE(s.run_until(is_complete, seconds(1)));
  int notices = 0;
  s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
    if (d.kind != Delivery::Kind::disconnect || ++notices > 1) return std::nullopt;
    return Verdict{.fault = Verdict::Fault::lost};
  };
  s.target().set_online(false);
  REQUIRE(s.run_until([&] { return s.session().status().channels_live == 1; }, seconds(1)));
  s.target().set_online(true);
  CHECK(s.run_until([&] { return s.session().status().losses == 1; }, seconds(5)));
  REQUIRE(s.live());
  CHECK(s.run_until(is_complete, seconds(1)));
  CHECK(s.ends_well());
}
