// SPDX-License-Identifier: Apache-2.0
// The proof over live channels, at the built-in target and without a nexus. The tests determine its outcome.
#include "session/live_proof.hpp"

#include "connected_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using Kind = LiveProof::News::Kind;

namespace {

// All channels of the session are live, and the counts of the logins' proofs are taken off.
struct Live : Connected {
  explicit Live(std::uint32_t count) : Connected(count) {
    while (!channels.is_complete()) REQUIRE(join());
    proof.starts = proof.confirmations = proof.greetings = 0;
  }
  void begin() { (void)live_proof.begin(clock.now()); }
  Kind poll() { return live_proof.poll(clock.now()).kind; }
};

}  // namespace

TEST_CASE("without a report of the target there is no proof") {
  Live rig(1);
  CHECK_FALSE(rig.live_proof.is_active());
  CHECK(rig.live_proof.next() == base::kNever);
  CHECK(rig.poll() == Kind::none);
  CHECK(rig.proof.starts == 0);
}

TEST_CASE("unit attentions are taken over all channels but the last, which proves the units") {
  Live rig(3);
  CHECK(rig.live_proof.begin(rig.clock.now()));
  CHECK_FALSE(rig.live_proof.begin(rig.clock.now()));  // it is active already
  CHECK(rig.proof.starts + rig.proof.greetings == 0);  // nothing starts before the next poll
  const auto news = rig.live_proof.poll(rig.clock.now());
  CHECK(news.kind == Kind::proved);
  CHECK(news.units.size() == 1);
  CHECK(rig.proof.greetings == 2);
  CHECK(rig.proof.starts == 1);
  CHECK_FALSE(rig.live_proof.is_active());
}

TEST_CASE("a report during the proof repeats it over all channels") {
  Live rig(2);
  rig.begin();
  rig.proof.silent = 1;
  CHECK(rig.poll() == Kind::none);
  CHECK(rig.proof.greetings == 1);
  CHECK_FALSE(rig.live_proof.begin(rig.clock.now()));
  rig.proof.silent = 0;
  CHECK(rig.poll() == Kind::proved);
  CHECK(rig.proof.greetings == 2);
  CHECK(rig.proof.starts == 1);
}

TEST_CASE("a proof goes on over another channel if its own is lost") {
  Live rig(2);
  rig.begin();
  rig.proof.silent = 1;
  CHECK(rig.poll() == Kind::none);
  auto& lost = rig.link(0);
  rig.channels.leave(lost);
  rig.live_proof.on_channel_lost(lost, rig.clock.now());
  close(lost.channel, rig.marks, rig.clock.now());
  CHECK(rig.live_proof.is_active());
  CHECK(rig.poll() == Kind::proved);
  CHECK(rig.proof.starts == 1);
}

TEST_CASE("a unit that is busy is asked again after a while, until connect_timeout is over") {
  Live rig(1);
  rig.proof.answer = Error{Errc::busy, "the unit is busy"};
  rig.begin();
  CHECK(rig.poll() == Kind::none);
  CHECK(rig.live_proof.next() == rig.clock.now() + 50ms);
  CHECK_FALSE(rig.live_proof.is_due(rig.clock.now()));
  SECTION("then it is ready") {
    rig.proof.answer = {};
    rig.clock.advance(50ms);
    CHECK(rig.poll() == Kind::proved);
  }
  SECTION("it stays busy: the channel fails with the unit's error") {
    rig.clock.advance(rig.options.connect_timeout - 50ms);
    CHECK(rig.poll() == Kind::none);
    REQUIRE(rig.link(0).channel.failure());
    CHECK(rig.link(0).channel.failure()->code == Errc::busy);
  }
}

TEST_CASE("a proof that ends nothing within connect_timeout fails its channel") {
  Live rig(1);
  rig.begin();
  rig.proof.silent = 1;
  CHECK(rig.poll() == Kind::none);
  CHECK(rig.live_proof.next() == rig.clock.now() + rig.options.connect_timeout);
  rig.clock.advance(rig.options.connect_timeout);
  CHECK(rig.poll() == Kind::none);
  REQUIRE(rig.link(0).channel.failure());
  CHECK(rig.link(0).channel.failure()->code == Errc::timed_out);
}

TEST_CASE("another unit in the place of ours is final") {
  Live rig(1);
  rig.proof.answer = Error{Errc::identity_mismatch, "another unit answers"};
  rig.begin();
  const auto news = rig.live_proof.poll(rig.clock.now());
  CHECK(news.kind == Kind::final);
  CHECK(news.error.code == Errc::identity_mismatch);
}

TEST_CASE("the session's loss ends a proof") {
  Live rig(1);
  rig.begin();
  rig.proof.silent = 1;
  CHECK(rig.poll() == Kind::none);
  rig.live_proof.end();
  CHECK_FALSE(rig.live_proof.is_active());
  CHECK(rig.proof.silent == 0);  // it was cancelled
  CHECK(rig.live_proof.next() == base::kNever);
}
