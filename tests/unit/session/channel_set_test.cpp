// SPDX-License-Identifier: Apache-2.0
// Which channel a command goes to, and the result of a look at failed channels. The channels are not
// connected, so submitted commands stay unsent.
#include "session/channel_set.hpp"

#include <catch2/catch.hpp>

#include "parts_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;

namespace {

SessionOptions options_of(std::uint32_t n) {
  SessionOptions options;
  options.channels = n;
  return options;
}

struct ThreeChannels {
  SessionOptions options = options_of(3);
  base::ManualClock clock;
  base::Random random{1};
  NoEvents events;
  ChannelSet set{options, clock, random, events};
  Link& link(std::size_t i) { return *set.all()[i]; }
  std::size_t unsent(std::size_t i) {
    CommandList list;
    link(i).channel.take_unsent(list);
    return content(std::move(list)).size();
  }
};

}  // namespace

TEST_CASE("live channels are in the order of their numbers, independent of the order of their logins") {
  ThreeChannels rig;
  for (const std::size_t i : {2u, 0u, 1u}) rig.set.go_live(rig.link(i));
  REQUIRE(rig.set.is_complete());
  for (std::size_t i = 0; i < 3; ++i) CHECK(rig.set.live()[i] == &rig.link(i));
  rig.set.leave(rig.link(1));
  CHECK_FALSE(rig.link(1).is_live());
  CHECK(rig.set.live().size() == 2);
  CHECK(rig.set.live()[1] == &rig.link(2));
}

TEST_CASE("commands are spread over the live channels") {
  ThreeChannels rig;
  std::vector<Command> commands(6, a_read());
  rig.set.go_live(rig.link(0));
  for (std::size_t i = 0; i < 2; ++i) rig.set.submit(commands[i]);
  CHECK(rig.unsent(0) == 2);
  rig.set.go_live(rig.link(2));
  for (std::size_t i = 2; i < 6; ++i) rig.set.submit(commands[i]);
  CHECK(rig.unsent(0) == 2);
  CHECK(rig.unsent(1) == 0);
  CHECK(rig.unsent(2) == 2);
}

TEST_CASE("without a failure there is no loss; with a failure of the fence the session is lost") {
  ThreeChannels rig;
  rig.set.go_live(rig.link(0));
  CHECK(rig.set.look_for_losses(std::nullopt).of == Losses::Of::nothing);
  const auto losses = rig.set.look_for_losses(Error{Errc::target_error, "refused"});
  CHECK(losses.of == Losses::Of::session);
  CHECK_FALSE(losses.by_target);
  CHECK(losses.cause.code == Errc::target_error);
}

TEST_CASE("the error has the reason of a missing channel until all are live") {
  ThreeChannels rig;
  rig.set.set_error({Errc::login_no_resources, "not now"});
  rig.set.go_live(rig.link(0));
  rig.set.go_live(rig.link(1));
  CHECK(rig.set.error().code == Errc::login_no_resources);
  rig.set.go_live(rig.link(2));
  CHECK(rig.set.error().code == Errc::ok);
}
