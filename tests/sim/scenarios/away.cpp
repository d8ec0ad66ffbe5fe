// SPDX-License-Identifier: Apache-2.0
// One of several units refuses all commands, or answers nothing.
#include "scenario.hpp"

using namespace srpi;
using namespace srpi::sim;
using session::State;
using target::Outcome;

namespace {

Plan two_units() {
  auto plan = quiet_plan();
  plan.target.luns.push_back(plan.target.luns[0]);
  plan.target.luns[1].number = 3;
  plan.target.luns[1].name = "another";
  return plan;
}

bool is_away(Scenario& s, std::size_t unit) {
  return s.session().logical_units()[unit]->info().away.code != Errc::ok;
}

}  // namespace

TEST_CASE("row 36: a unit that refuses all commands is away, other units work, and it comes back by itself") {
  Scenario s(two_units());
  REQUIRE(s.live());
  const bool lost = GENERATE(false, true);
  s.on_command = [](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (c.lun == 0) return std::nullopt;
    return Outcome::check_condition(scsi::SenseKey::illegal_request, {0x25, 0x00});
  };
  if (lost) s.target().drop_connections();
  for (int i = 0; i < 20 && !is_away(s, 1); ++i) {
    s.submit(8);
    s.idle();
    REQUIRE(s.live());
  }
  CHECK(is_away(s, 1));
  CHECK_FALSE(is_away(s, 0));
  const auto good = s.workload().succeeded();
  s.submit(24);
  REQUIRE(s.idle());
  CHECK(s.workload().succeeded() > good);
  CHECK(s.workload().ended_with(Errc::no_such_lun) > 0);
  CHECK(s.session().status().losses == (lost ? 1 : 0));

  s.on_command = {};
  CHECK(s.run_until([&] { return !is_away(s, 1); }, seconds(1)));
  CHECK(s.session().status().losses == (lost ? 1 : 0));
  CHECK(s.ends_well());
}

TEST_CASE("row 37: a unit that hangs costs one connection, other units work, and it comes back by itself") {
  auto plan = two_units();
  plan.options.channels = GENERATE(1u, 3u);
  Scenario s(plan);
  REQUIRE(s.live());
  REQUIRE(s.target().hang(3, true).has_value());
  for (int i = 0; i < 100 && !is_away(s, 1); ++i) {
    s.submit(8);
    s.idle();
  }
  REQUIRE(s.run_until([&] { return s.state() == State::live && is_away(s, 1); }, seconds(10)));
  CHECK_FALSE(is_away(s, 0));
  const auto losses = s.session().status().losses;
  for (int i = 0; i < 10; ++i) {
    const auto good = s.workload().succeeded();
    s.submit(24);
    REQUIRE(s.idle());
    CHECK(s.workload().succeeded() > good);
    s.run_for(seconds(1));
  }
  CHECK(s.session().status().losses == losses);

  REQUIRE(s.target().hang(3, false).has_value());
  CHECK(s.run_until([&] { return !is_away(s, 1); }, seconds(2)));
  CHECK(s.session().status().losses == losses);
  CHECK(s.ends_well());
}
