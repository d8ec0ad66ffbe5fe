// SPDX-License-Identifier: Apache-2.0
// The logins of further channels, at the built-in target and without a nexus.
#include "session/joins.hpp"

#include "connected_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;

TEST_CASE("further channels log in one at a time, and each of them proves the units") {
  Connected rig(3);
  for (std::size_t live = 2; live <= 3; ++live) {
    REQUIRE(rig.joins.next(false) <= rig.clock.now());
    const auto joined = rig.join();
    REQUIRE(joined);
    CHECK(joined->error.code == Errc::ok);
    CHECK(rig.channels.live().size() == live);
  }
  CHECK(rig.proof.confirmations == 2);
  CHECK(rig.channels.history.joins == 2);
  CHECK(rig.joins.next(false) == base::kNever);
}

TEST_CASE("no further channel logs in while the units are proved") {
  Connected rig(2);
  std::size_t work = 0;
  CHECK_FALSE(rig.joins.poll(rig.clock.now(), true, work));
  CHECK(work == 0);
  CHECK(rig.joins.next(true) == base::kNever);
}

TEST_CASE("a channel whose login fails for lack of resources tries again later, and says so once") {
  Connected rig(2);
  rig.target->reject_further_channels(wire::RejectReason::insufficient_resources);
  const auto first = rig.join();
  REQUIRE(first);
  CHECK(first->error.code == Errc::login_no_resources);
  CHECK(first->untold);
  CHECK_FALSE(rig.joins.refused());
  CHECK(rig.channels.error().code == Errc::login_no_resources);
  CHECK(rig.joins.next(false) > rig.clock.now());
  rig.clock.set(rig.joins.next(false));
  const auto second = rig.join();
  REQUIRE(second);
  CHECK_FALSE(second->untold);
  rig.target->reject_further_channels(std::nullopt);
  rig.clock.set(rig.joins.next(false));
  REQUIRE(rig.join());
  CHECK(rig.channels.is_complete());
}

TEST_CASE("a login that shows that the target does not know the other channels casts doubt on them") {
  Connected rig(2);
  rig.target->set_login_response_hook(
      [](wire::LoginResponse& r) { r.multichannel = wire::MultiChannelResult::none_existed; });
  const auto outcome = rig.join();
  REQUIRE(outcome);
  CHECK(outcome->error.code == Errc::login_no_resources);
  CHECK(outcome->doubt == Doubt::channels);
  CHECK_FALSE(rig.joins.refused());
}

TEST_CASE("a target that refuses further channels for good is asked again only on request") {
  Connected rig(2);
  rig.target->reject_further_channels(wire::RejectReason::multichannel_unsupported);
  const auto outcome = rig.join();
  REQUIRE(outcome);
  CHECK(outcome->untold);
  CHECK(rig.joins.refused());
  CHECK(rig.joins.next(false) == base::kNever);
  rig.target->reject_further_channels(std::nullopt);
  rig.joins.try_now(rig.clock.now());
  REQUIRE(rig.join());
  CHECK(rig.channels.is_complete());
}

TEST_CASE("a login that is dropped for something more urgent is tried again at once") {
  Connected rig(2);
  std::size_t work = 0;
  CHECK_FALSE(rig.joins.poll(rig.clock.now(), false, work));
  const auto begun = rig.joins.changes();
  rig.joins.drop(rig.clock.now());
  CHECK(rig.joins.changes() > begun);  // its file descriptors are gone
  CHECK(rig.joins.next(false) <= rig.clock.now());
  REQUIRE(rig.join());
  CHECK(rig.channels.is_complete());
}
