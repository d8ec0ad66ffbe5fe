// SPDX-License-Identifier: Apache-2.0
// The loss of one of several RDMA channels, and the fence of its writes.
#include <array>
#include <catch2/catch.hpp>
#include <deque>

#include "channels_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using wire::TaskFunction;

namespace {

// Three channels, each with a write that the target holds. The write of a lost channel is in doubt.
struct WritesInDoubt : Channels {
  WritesInDoubt() : Channels(with_channels(3), with_ghosts()) {
    keep(Outcome::Kind::hold_medium);
    for (std::uint64_t i = 0; i < 3; ++i) submit(writes.emplace_back(*nexus, 8 * i, 'w'));
    settle();
  }
  std::deque<Write> writes;
};

}  // namespace

TEST_CASE("while another channel lives the session is live, and the lost channel's reads go there at once") {
  Channels rig;
  rig.keep(Outcome::Kind::hold);
  std::array<Counted, 8> reads;
  for (auto& c : reads) rig.submit(c);
  rig.settle();
  REQUIRE(rig.channel(1).outstanding() == 4);
  rig.states.clear();
  rig.lose(1);
  CHECK(rig.states.empty());
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().live().size() == 1);
  CHECK(rig.channel(0).outstanding() == 8);
  CHECK(rig.nexus->channels().history.losses == 1);
  rig.target->release_held();
  rig.settle();
  for (auto& c : reads) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::ok);
  }
  CHECK(rig.functions.empty());  // nothing was in doubt
  rig.pass(1s);
  CHECK(rig.nexus->channels().live().size() == 2);  // logged in again, on its own
  CHECK(rig.nexus->record().connects == 1);
}

TEST_CASE(
    "a lost channel's unanswered writes wait until their unit is fenced over the others, then are sent "
    "again") {
  Channels rig(with_channels(3), with_ghosts());
  Write first(*rig.nexus, 8, 'a'), second(*rig.nexus, 32, 'b'), third(*rig.nexus, 64, 'c');
  rig.keep(Outcome::Kind::hold_medium);
  for (auto* w : {&first, &second, &third}) rig.submit(*w);
  rig.settle();
  REQUIRE(rig.target->held() == 3);
  REQUIRE(channel_of(rig.tags[1]) == 1);
  rig.tags.clear();
  rig.lose(1);
  rig.pass(rig.quiet() - 10ms);
  CHECK(second.counted.completions == 0);
  CHECK(rig.functions.empty());  // what is still on its way might come behind the reset
  CHECK(rig.tags.empty());

  rig.answer_again();
  rig.pass(20ms);
  CHECK(rig.functions.size() >= 2);  // over each of the others
  for (const auto& f : rig.functions) CHECK(f.function == TaskFunction::lun_reset);
  CHECK(second.counted.completions == 1);
  CHECK(second.counted.command.error == Errc::ok);
  CHECK(rig.nexus->marks().empty());
  CHECK(rig.nexus->channels().history.repeated == 1);
  // The reset has ended the commands of the other channels. They may be sent again.
  CHECK(first.counted.command.error == Errc::aborted_command);
  CHECK(third.counted.command.error == Errc::aborted_command);
  CHECK(rig.target->held() == 0);  // no ghost is left
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE(
    "without the fence a lost channel's unanswered writes fail with no_connect, its reads are sent again") {
  auto options = with_channels(2);
  options.fence = false;
  Channels rig(options);
  rig.keep(Outcome::Kind::hold);
  Write w(*rig.nexus, 8, 'w');
  Counted before, read;
  rig.submit(before);
  rig.submit(w);
  rig.submit(read);
  rig.settle();
  const auto lost = channel_of(rig.tags[0]) == 0 && rig.channel(1).outstanding() == 1 ? 1u : 0u;
  rig.lose(lost);
  CHECK(w.counted.completions == 1);
  CHECK(w.counted.command.error == Errc::no_connect);
  rig.target->release_held();
  rig.settle();
  CHECK(read.command.error == Errc::ok);
  rig.pass(1s);
  CHECK(rig.functions.empty());
}

TEST_CASE("a write in doubt that times out or is cancelled completes after the fence") {
  auto options = with_channels(2);
  options.ack_timeout_exponent = 18;  // the fence comes after 7.5 s, later than the deadline
  Channels rig(options, with_ghosts());
  rig.keep(Outcome::Kind::hold_medium);
  Write a(*rig.nexus, 8, 'a'), b(*rig.nexus, 16, 'b');
  for (auto* w : {&a, &b}) w->counted.command.deadline = rig.clock.now() + 5s;
  rig.submit(a);
  rig.submit(b);
  rig.settle();
  rig.answer_again();
  const bool cancelled = GENERATE(false, true);
  rig.lose(1);
  if (cancelled) rig.nexus->abort_unit(0);
  rig.pass(3s);
  CHECK(b.counted.completions == 0);
  rig.pass(3s);
  CHECK(b.counted.completions == 0);
  rig.pass(2s);
  CHECK(b.counted.completions == 1);
  CHECK(b.counted.command.error == (cancelled ? Errc::cancelled : Errc::timed_out));
  CHECK(rig.target->held() == 0);
}

TEST_CASE("if the fence over the others is refused, the session is lost, and its next login fences") {
  Channels rig(with_channels(2), with_ghosts());
  rig.keep(Outcome::Kind::hold_medium);
  Write a(*rig.nexus, 8, 'a'), b(*rig.nexus, 16, 'b');
  rig.submit(a);
  rig.submit(b);
  rig.settle();
  rig.answer_again();
  rig.on_function = [](const auto&) { return kRefused; };
  rig.lose(1);
  rig.pass(rig.quiet() + 10ms);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.causes[rig.causes.size() - 2].detail.find("LOGICAL UNIT RESET") != std::string::npos);
  CHECK(b.counted.completions == 1);
  CHECK(b.counted.command.error == Errc::no_connect);
  CHECK_FALSE(rig.nexus->marks().empty());
  rig.on_function = {};
  rig.come_back();
  CHECK(rig.nexus->marks().empty());
  CHECK(rig.target->held() == 0);
}

TEST_CASE("the writes of another channel that is lost during the fence are fenced, too") {
  WritesInDoubt rig;
  rig.answer_again();
  rig.options.reconnect_delay.reset();
  rig.lose(1);
  rig.clock.advance(rig.quiet());
  rig.nexus->poll();  // the reset is sent over channels 0 and 2
  rig.lose(2);
  rig.pass(10ms);
  CHECK(rig.writes[1].counted.completions == 0);
  CHECK(rig.writes[2].counted.completions == 0);
  CHECK_FALSE(rig.nexus->marks().empty());
  rig.pass(rig.quiet());
  CHECK(rig.writes[1].counted.command.error == Errc::ok);
  CHECK(rig.writes[2].counted.command.error == Errc::ok);
  CHECK(rig.writes[1].counted.completions + rig.writes[2].counted.completions == 2);
  CHECK(rig.nexus->marks().empty());
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("the fence covers a loss that ends its last outstanding reset") {
  WritesInDoubt rig;
  rig.answer_again();
  rig.options.reconnect_delay.reset();
  rig.on_function = [](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 2 ? kLost : TaskOutcome{};
  };
  rig.lose(1);
  rig.pass(rig.quiet());
  REQUIRE(rig.functions.size() == 2);  // 0 has confirmed, 2 has not
  rig.lose(2);
  CHECK(rig.writes[2].counted.completions == 0);
  CHECK_FALSE(rig.nexus->marks().empty());
  rig.pass(rig.quiet());
  CHECK(rig.functions.size() == 3);
  CHECK(rig.writes[1].counted.command.error == Errc::ok);
  CHECK(rig.writes[2].counted.command.error == Errc::ok);
  CHECK(rig.writes[1].counted.completions + rig.writes[2].counted.completions == 2);
}

TEST_CASE(
    "the loss of the last channel is the session's loss; writes in doubt are then held for fast_io_fail") {
  auto options = with_channels(2);
  options.fast_io_fail = Milliseconds(GENERATE(0, 5000));
  Channels rig(options, with_ghosts());
  rig.keep(Outcome::Kind::hold_medium);
  Write a(*rig.nexus, 8, 'a'), b(*rig.nexus, 16, 'b');
  rig.submit(a);
  rig.submit(b);
  rig.settle();
  rig.answer_again();
  rig.target->set_online(false);
  rig.settle();
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.nexus->channels().live().size() == 0);
  CHECK(rig.nexus->state() == (options.fast_io_fail.count() > 0 ? State::recovering : State::lost));
  rig.target->set_online(true);
  rig.come_back();
  rig.pass(1s);
  CHECK(rig.nexus->channels().live().size() == 2);
  for (auto* w : {&a, &b}) {
    CHECK(w->counted.completions == 1);
    CHECK(w->counted.command.error == (options.fast_io_fail.count() > 0 ? Errc::ok : Errc::no_connect));
  }
}

TEST_CASE("disconnect and erase end all channels and all writes in doubt") {
  WritesInDoubt rig;
  rig.lose(1);
  GENERATE(false, true) ? rig.nexus->disconnect() : rig.nexus->erase();
  for (auto& w : rig.writes) {
    CHECK(w.counted.completions == 1);
    CHECK(w.counted.command.error == Errc::no_connect);
  }
  rig.settle();
  CHECK(rig.target->channels().empty());
  CHECK(rig.nexus->channels().live().size() == 0);
}

TEST_CASE(
    "a session that is lost during a fence fences at its next login, and survives a failure of that fence") {
  WritesInDoubt rig;
  rig.answer_again();
  // Channel 0 has an answer, channel 2 has none. Commands of channel 2 may arrive after the reset that
  // channel 0 confirms.
  const bool confirmed = GENERATE(true, false);
  rig.on_function = [&](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 2 ? kLost : confirmed ? TaskOutcome{} : kRefused;
  };
  rig.lose(1);
  rig.pass(rig.quiet());
  REQUIRE(rig.functions.size() == 2);
  const bool by_fault = GENERATE(false, true);
  by_fault ? rig.target->set_online(false) : rig.nexus->disconnect();
  rig.settle();
  CHECK(rig.writes[2].counted.completions == 1);
  CHECK(rig.writes[2].counted.command.error == Errc::no_connect);
  CHECK_FALSE(rig.nexus->marks().empty());

  const auto losses = rig.nexus->record().losses;
  rig.functions.clear();
  rig.on_function = {};
  rig.target->set_online(true);
  rig.nexus->reconnect();
  rig.settle();
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.functions.size() == 1);
  CHECK(rig.nexus->marks().empty());
  CHECK(rig.nexus->record().losses == losses);
}
