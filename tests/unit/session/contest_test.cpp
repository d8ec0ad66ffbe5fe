// SPDX-License-Identifier: Apache-2.0
// Fault matrix, row 33: two initiators with the same port id. The loser stops with the reason.
#include "session/contest.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;

namespace {

SessionOptions same_port_id() {
  SessionOptions options;
  options.initiator_ext = 7;
  return options;
}

// Stands for another process: it has its own nexus and fabric, and uses the rig's target.
struct Rival : NexusObserver {
  explicit Rival(Rig& r, SessionOptions o = same_port_id())
      : options(std::move(o)), fabric(r.network), rig(r) {
    nexus = std::make_unique<Nexus>(fabric, Rig::address(), options, r.clock, base::Random(2), proof, *this);
  }
  void on_state(State, State, const Error&) override {}
  void on_attempt_failed(const Error&) override {}
  void on_unit_event(std::uint64_t, scsi::Event) override {}
  void on_units_proved() override {}
  void settle() {
    srpi::test::settle([this] { return nexus->poll() + rig.turn(); });
  }
  void pass(base::Duration time) {
    rig.clock.advance(time);
    settle();
  }
  SessionOptions options;
  loopback::Fabric fabric;
  Rig& rig;
  FakeProof proof;
  std::unique_ptr<Nexus> nexus;
};

}  // namespace

TEST_CASE(
    "row 33: two initiators with the same port id do not evict each other for ever: the loser stops with the "
    "reason") {
  Rig rig(same_port_id());
  rig.settle();
  rig.pass(GENERATE(0s, 1h));  // a young connection, or an old one
  Rival rival(rig);
  for (int i = 0; i < 600; ++i) rival.pass(100ms);
  const bool rival_won = rival.nexus->state() == State::live;
  auto& winner = rival_won ? *rival.nexus : *rig.nexus;
  auto& loser = rival_won ? *rig.nexus : *rival.nexus;
  CHECK(winner.state() == State::live);
  CHECK(loser.state() == State::stopped);
  CHECK(loser.record().last_error.code == Errc::evicted);
  CHECK(loser.record().last_error.detail.find(loser.record().initiator_port_id.to_string()) !=
        std::string::npos);

  const auto logins = rig.target->counters().logins;
  CHECK(logins <= 10);
  rival.pass(24h);
  for (int i = 0; i < 100; ++i) rival.pass(1s);
  CHECK(rig.target->counters().logins == logins);
  CHECK(winner.state() == State::live);
}

TEST_CASE("row 33: the same with a rival that comes back slowly, like Linux's initiator") {
  Rig rig(same_port_id());
  rig.settle();
  auto slow = same_port_id();
  slow.reconnect_delay.reset();
  Rival rival(rig, slow);
  int returns = 0;
  for (; returns < 20 && rig.nexus->state() != State::stopped; ++returns) {
    for (int i = 0; i < 100; ++i) rival.pass(100ms);
    if (rival.nexus->state() == State::lost) rival.nexus->reconnect();
    rival.settle();
  }
  CHECK(rig.nexus->state() == State::stopped);
  CHECK(rig.nexus->record().last_error.code == Errc::evicted);
  CHECK(returns < 10);
}

TEST_CASE("an evicted session comes back on reconnect") {
  Rig rig(same_port_id());
  rig.settle();
  Rival rival(rig);
  for (int i = 0; i < 600; ++i) rival.pass(100ms);
  const bool rival_won = rival.nexus->state() == State::live;
  (rival_won ? rival.nexus : rig.nexus)->disconnect();
  auto& loser = rival_won ? *rig.nexus : *rival.nexus;
  loser.reconnect();
  rival.settle();
  CHECK(loser.state() == State::live);
}

TEST_CASE("a target that drops us again and again is not mistaken for a rival") {
  Rig rig(same_port_id());
  rig.settle();
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0)
      rig.target->drop_connections();
    else
      rig.target->send_logout(wire::LogoutReason::inactive);
    rig.pass(10ms);
    rig.come_back();
    REQUIRE(rig.nexus->state() == State::live);
  }
  CHECK(rig.nexus->record().losses == 20);
}

TEST_CASE("only evictions of young connections in a row count") {
  Contest contest;
  base::Time now{};
  const auto exchange = [&](base::Duration life) {
    now += life;
    const bool give_up = contest.on_ended_by_target(now);
    contest.on_login(now, true);
    return give_up;
  };
  contest.on_login(now, false);
  CHECK_FALSE(exchange(1s));
  CHECK_FALSE(exchange(1s));
  CHECK_FALSE(exchange(Contest::kShortLife));
  CHECK_FALSE(exchange(1s));
  contest.reset();
  CHECK_FALSE(exchange(1s));
  CHECK_FALSE(exchange(1s));
  CHECK(exchange(1s));
}

TEST_CASE("row 33: the same with several channels each") {
  auto options = same_port_id();
  options.channels = 3;
  target::TargetConfig config;
  config.channels_are_sessions = GENERATE(false, true);
  Rig rig(options, config);
  rig.settle();
  REQUIRE(rig.nexus->channels().live().size() == 3);
  Rival rival(rig, options);
  for (int i = 0; i < 600; ++i) rival.pass(100ms);
  const bool rival_won = rival.nexus->state() == State::live;
  auto& winner = rival_won ? *rival.nexus : *rig.nexus;
  auto& loser = rival_won ? *rig.nexus : *rival.nexus;
  CHECK(winner.state() == State::live);
  CHECK(winner.channels().live().size() == 3);
  CHECK(loser.state() == State::stopped);
  CHECK(loser.record().last_error.code == Errc::evicted);
  CHECK(rig.target->channels().size() == 3);  // none of the loser's has crept in among the winner's
}
