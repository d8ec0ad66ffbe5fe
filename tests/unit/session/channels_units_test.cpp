// SPDX-License-Identifier: Apache-2.0
// Resets, logouts, keepalives and proofs of a session with several RDMA channels.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "channels_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using wire::TaskFunction;

TEST_CASE("a reset goes over every channel and ends the commands that were sent before it on each") {
  Channels rig(with_channels(3));
  rig.keep(Outcome::Kind::lose_command);
  std::array<Counted, 6> commands;
  for (auto& c : commands) rig.submit(c);
  rig.settle();
  rig.answer_again();
  UnitReset reset(rig.clock.now() + 1s);
  rig.nexus->submit(reset);
  rig.settle();
  REQUIRE(reset.completions == 1);
  CHECK(reset.confirmed());
  CHECK(rig.functions.size() == 3);
  for (std::uint32_t i = 0; i < 3; ++i)
    CHECK(std::ranges::count_if(rig.functions, [&](const auto& f) { return channel_of(f.tag) == i; }) == 1);
  for (auto& c : commands) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::aborted_command);
  }
}

TEST_CASE("no channel sends commands for a unit until all channels have confirmed its reset") {
  Channels rig;
  rig.on_function = [](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 1 ? kLost : TaskOutcome{};
  };
  UnitReset reset(rig.clock.now() + 1s);
  rig.nexus->submit(reset);
  rig.settle();
  REQUIRE(rig.functions.size() == 2);
  rig.keep(Outcome::Kind::normal);
  std::array<Counted, 4> commands;
  Counted elsewhere;
  elsewhere.command.lun = std::uint64_t{1} << 48;
  for (auto& c : commands) rig.submit(c);
  rig.submit(elsewhere);
  rig.pass(500ms);
  CHECK(reset.completions == 0);
  for (auto& c : commands) CHECK(c.completions == 0);
  CHECK(elsewhere.completions == 1);
  // The channel that has not confirmed the reset is ended, the others go on.
  rig.pass(510ms);
  CHECK(reset.completions == 1);
  CHECK(reset.confirmed());
  CHECK(rig.nexus->channels().history.losses == 1);
  CHECK(rig.nexus->record().losses == 0);
  for (auto& c : commands) CHECK(c.completions == 1);
}

TEST_CASE("if a channel is lost during a reset, the other channels' answers decide") {
  Channels rig;
  rig.on_function = [](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 1 ? kLost : TaskOutcome{};
  };
  UnitReset reset(rig.clock.now() + 1s);
  rig.nexus->submit(reset);
  rig.settle();
  REQUIRE(rig.functions.size() == 2);
  CHECK(reset.completions == 0);
  rig.lose(1);
  CHECK(reset.completions == 1);
  CHECK(reset.confirmed());
  CHECK(rig.nexus->state() == State::live);
  Counted c;
  rig.submit(c);
  rig.settle();
  CHECK(c.completions == 1);
}

TEST_CASE("ABORT TASK goes over its command's own channel; the reset that follows goes over all") {
  auto config = with_ghosts();
  config.channels_are_sessions = true;
  Channels rig(with_channels(2), config);
  rig.keep(Outcome::Kind::lose_command);
  Counted stuck;
  rig.submit(stuck);
  rig.settle();
  rig.pass(rig.options.command_timeout - 5s);
  Counted other;  // over the other channel, before its deadline
  rig.submit(other);
  rig.settle();
  rig.answer_again();
  const auto at = channel_of(rig.tags[0]);
  REQUIRE(channel_of(rig.tags[1]) != at);
  SECTION("the abort is confirmed") {
    rig.pass(5s + 10ms);
    REQUIRE(rig.functions.size() == 1);
    CHECK(rig.functions[0].function == TaskFunction::abort_task);
    CHECK(rig.functions[0].task_tag == rig.tags[0]);
    CHECK(channel_of(rig.functions[0].tag) == at);
    CHECK(stuck.command.error == Errc::timed_out);
    CHECK(other.completions == 0);
  }
  SECTION("it is refused") {
    rig.on_function = [](const wire::TaskManagement& f) {
      return f.function == TaskFunction::abort_task ? kRefused : TaskOutcome{};
    };
    rig.pass(5s + 10ms);
    CHECK(rig.functions.size() == 3);
    CHECK(stuck.command.error == Errc::timed_out);
    CHECK(other.completions == 1);
    CHECK(other.command.error == Errc::aborted_command);
  }
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().history.losses == 0);
}

TEST_CASE("a logout for a multi-channel action on one channel is the loss of the session") {
  Channels rig;
  REQUIRE(rig.nexus->channels().live().size() == 2);
  rig.target->send_logout(wire::LogoutReason::multichannel_action, rig.target->channels()[1].number);
  rig.settle();
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.nexus->channels().history.losses == 0);
  rig.come_back();
  CHECK(rig.nexus->channels().live().size() == 2);
}

TEST_CASE("a logout for another reason ends only its channel") {
  Channels rig;
  rig.target->send_logout(wire::LogoutReason::inactive, rig.target->channels()[1].number);
  rig.settle();
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().live().size() == 1);
}

TEST_CASE("each idle channel has a keepalive; if one is silent, only that channel is lost") {
  Channels rig;
  rig.keep(Outcome::Kind::normal);
  rig.pass(*rig.options.keepalive + 10ms);
  CHECK(std::ranges::count_if(rig.tags, [](auto t) { return channel_of(t) == 0; }) == 1);
  CHECK(std::ranges::count_if(rig.tags, [](auto t) { return channel_of(t) == 1; }) == 1);
  rig.target->set_command_hook([](const target::CommandInfo& info) {
    return Outcome::of(channel_of(info.tag) == 1 ? Outcome::Kind::lose_command : Outcome::Kind::normal);
  });
  for (int i = 0; i < 200 && rig.nexus->channels().history.losses == 0; ++i) rig.pass(100ms);
  CHECK(rig.nexus->channels().history.losses == 1);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->channels().all()[0]->is_live());
}

TEST_CASE("an event on one channel holds I/O on all channels for one proof") {
  Channels rig(with_channels(3));
  const auto starts = rig.proof.starts;
  rig.target->send_async_event(0, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged),
                               rig.target->channels()[2].number);
  rig.settle();
  CHECK(rig.events.size() == 1);
  CHECK(rig.proof.greetings == 2);  // the other two are asked for their unit attentions first
  CHECK(rig.proof.starts == starts + 1);
}

TEST_CASE("a channel over which the proof gets no answer is lost, and the proof goes on over another") {
  Channels rig;
  rig.proof.silent = 1;
  rig.target->send_async_event(0, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged),
                               rig.target->channels()[0].number);
  rig.settle();
  Counted c;
  rig.submit(c);
  rig.pass(rig.options.connect_timeout - 10ms);
  CHECK(c.completions == 0);
  rig.pass(20ms);
  CHECK(rig.nexus->channels().history.losses == 1);
  CHECK(rig.nexus->record().losses == 0);
  CHECK(c.completions == 1);
}

TEST_CASE("a channel that reaches another unit is not used, and the others are proved again") {
  Channels rig;
  rig.proof.answer = Error{Errc::identity_mismatch, "another unit"};
  rig.proof.wrong = 1;
  const auto starts = rig.proof.starts;
  rig.lose(1);
  rig.pass(1s);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels().live().size() == 1);
  CHECK(rig.proof.starts == starts + 1);
  CHECK(rig.nexus->channels().error().code == Errc::identity_mismatch);
}
