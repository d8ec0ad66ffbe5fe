// SPDX-License-Identifier: Apache-2.0
// A session with several RDMA channels: their logins, and where commands go.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "channels_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using wire::RejectReason;

TEST_CASE(
    "several channels: the first login is SINGLE, the others join it, and commands are spread over all") {
  target::TargetConfig config;
  config.channels_are_sessions = GENERATE(false, true);
  Channels rig(with_channels(4), config);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels().live().size() == 4);
  CHECK(rig.target->channels().size() == 4);
  CHECK(rig.target->counters().logins == 4);
  CHECK(rig.nexus->record().connects == 1);
  CHECK(rig.nexus->channels().error().code == Errc::ok);

  rig.keep(Outcome::Kind::hold);
  std::array<Counted, 40> commands;
  for (auto& c : commands) rig.submit(c);
  rig.settle();
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(rig.channel(i).outstanding() == 10);
  std::ranges::sort(rig.tags);
  CHECK(std::ranges::adjacent_find(rig.tags) == rig.tags.end());  // one I_T nexus, one set of tags
  rig.target->release_held();
  rig.settle();
  for (auto& c : commands) CHECK(c.completions == 1);
}

TEST_CASE("commands go to the channel with the fewest outstanding") {
  Channels rig;
  std::array<Counted, 6> first;
  rig.target->set_command_hook([](const target::CommandInfo& info) {
    return Outcome::of(channel_of(info.tag) == 0 ? Outcome::Kind::hold : Outcome::Kind::normal);
  });
  for (auto& c : first) rig.submit(c);
  rig.settle();
  REQUIRE(rig.channel(0).outstanding() == 3);
  REQUIRE(rig.channel(1).outstanding() == 0);
  rig.keep(Outcome::Kind::hold);
  std::array<Counted, 3> next;
  for (auto& c : next) rig.submit(c);
  rig.settle();
  CHECK(rig.channel(0).outstanding() == 3);
  CHECK(rig.channel(1).outstanding() == 3);
}

TEST_CASE("queue_depth is per channel") {
  auto options = with_channels(3);
  options.queue_depth = 2;
  Channels rig(options);
  rig.keep(Outcome::Kind::hold);
  std::array<Counted, 9> commands;
  for (auto& c : commands) rig.submit(c);
  rig.settle();
  CHECK(rig.target->held() == 6);
}

TEST_CASE("channels that the target refuses for good are reported once and tried again at the next login") {
  const auto reason = GENERATE(RejectReason::multichannel_unsupported, RejectReason::channel_limit_reached,
                               static_cast<RejectReason>(0x10099));
  Channels rig(with_channels(1));
  rig.nexus->erase();
  rig.told.clear();
  rig.target->reject_further_channels(reason);
  rig.options = with_channels(3);
  rig.start();
  rig.settle();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels().live().size() == 1);
  CHECK(rig.nexus->channels().all().size() == 3);
  CHECK(rig.nexus->channels().error().code == Errc::login_rejected);
  CHECK(rig.told.size() == 1);
  const auto rejects = rig.target->counters().rejects;
  for (int i = 0; i < 100; ++i) rig.pass(1s);
  CHECK(rig.target->counters().rejects == rejects);
  CHECK(rig.told.size() == 1);

  rig.target->reject_further_channels(std::nullopt);
  SECTION("the next login of the session") {
    rig.target->drop_connections();
    rig.come_back();
  }
  SECTION("somebody asks") { rig.nexus->reconnect(); }
  rig.settle();
  CHECK(rig.nexus->channels().live().size() == 3);
  CHECK(rig.nexus->channels().error().code == Errc::ok);
}

TEST_CASE("a channel that is refused for now is reported once and tried again with the back-off") {
  Channels rig;
  rig.target->reject_further_channels(RejectReason::insufficient_resources);
  rig.lose(1);
  const auto told = rig.told.size();
  for (int i = 0; i < 60; ++i) rig.pass(1s);
  CHECK(rig.told.size() == told + 1);
  CHECK(rig.target->counters().rejects >= 5);
  CHECK(rig.target->counters().rejects < 20);
  CHECK(rig.nexus->state() == State::live);
  rig.target->reject_further_channels(std::nullopt);
  for (int i = 0; i < 11; ++i) rig.pass(1s);
  CHECK(rig.nexus->channels().live().size() == 2);
}

TEST_CASE("a further channel that is granted less than the first is not used") {
  Channels rig;
  rig.target->set_login_response_hook([](wire::LoginResponse& r) { r.max_it_iu_bytes = 100; });
  rig.lose(1);
  rig.pass(1s);
  CHECK(rig.nexus->channels().live().size() == 1);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels().error().code == Errc::login_rejected);
}

TEST_CASE("a channel is not used if the target does not know the other channels any more") {
  Channels rig;
  rig.target->set_login_response_hook(
      [](wire::LoginResponse& r) { r.multichannel = wire::MultiChannelResult::none_existed; });
  rig.lose(1);
  rig.pass(1s);
  CHECK(rig.nexus->channels().live().size() == 1);
  CHECK(rig.nexus->channels().error().detail.find("does not know") != std::string::npos);
}
