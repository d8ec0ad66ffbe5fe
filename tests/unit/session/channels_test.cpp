// SPDX-License-Identifier: Apache-2.0
// Several RDMA channels a session: their logins, where commands go, the loss of one, the fence that it takes.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <deque>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using target::Outcome;
using target::TaskOutcome;
using wire::RejectReason;
using wire::TaskFunction;

namespace {

SessionOptions with_channels(std::uint32_t channels) {
  SessionOptions options;
  options.channels = channels;
  return options;
}

target::TargetConfig with_ghosts() {
  target::TargetConfig config;
  config.login_ends_held_writes = false;
  return config;
}

std::uint32_t channel_of(std::uint64_t tag) { return static_cast<std::uint32_t>(tag >> 16) & 0xffff; }

struct Channels : Rig {
  explicit Channels(SessionOptions o = with_channels(2), target::TargetConfig c = {})
      : Rig(std::move(o), std::move(c)) {
    settle();
    target->set_task_hook([this](const wire::TaskManagement& t) {
      functions.push_back(t);
      return on_function ? on_function(t) : TaskOutcome{};
    });
  }
  void keep(Outcome::Kind kind) {
    target->set_command_hook([this, kind](const target::CommandInfo& info) {
      tags.push_back(info.tag);
      return Outcome::of(kind);
    });
  }
  void answer_again() { target->set_command_hook({}); }
  // One of our queue pairs fails; the connections are numbered in the order of login.
  void lose(std::uint32_t channel) {
    network.break_queue_pair(channel + 1, true, fabric::WorkStatus::retry_exceeded);
    settle();
  }
  [[nodiscard]] const Channel& channel(std::uint32_t i) const { return nexus->channel(i); }
  [[nodiscard]] base::Duration quiet() const { return options.transport_tries_for(); }

  std::vector<wire::TaskManagement> functions;
  std::function<TaskOutcome(const wire::TaskManagement&)> on_function;
  std::vector<std::uint64_t> tags;
};

constexpr TaskOutcome kRefused{TaskOutcome::Kind::answer, wire::TaskResult::failed};
constexpr TaskOutcome kLost{TaskOutcome::Kind::lose, {}};

}  // namespace

TEST_CASE(
    "several channels: the first login is SINGLE, the others join it, and commands are spread over all") {
  target::TargetConfig config;
  config.channels_are_sessions = GENERATE(false, true);
  Channels rig(with_channels(4), config);
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels_live() == 4);
  CHECK(rig.target->channels().size() == 4);
  CHECK(rig.target->counters().logins == 4);
  CHECK(rig.nexus->connects() == 1);
  CHECK(rig.nexus->channel_error().code == Errc::ok);

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

TEST_CASE(
    "further channels that the target refuses for good are done without, told once, asked for at the next "
    "login") {
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
  CHECK(rig.nexus->channels_live() == 1);
  CHECK(rig.nexus->channels_wanted() == 3);
  CHECK(rig.nexus->channel_error().code == Errc::login_rejected);
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
  CHECK(rig.nexus->channels_live() == 3);
  CHECK(rig.nexus->channel_error().code == Errc::ok);
}

TEST_CASE(
    "a further channel that is refused for the moment is tried again by the back-off, and told of once") {
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
  CHECK(rig.nexus->channels_live() == 2);
}

TEST_CASE("a further channel that is granted less than the first is not used") {
  Channels rig;
  rig.target->set_login_response_hook([](wire::LoginResponse& r) { r.max_it_iu_bytes = 100; });
  rig.lose(1);
  rig.pass(1s);
  CHECK(rig.nexus->channels_live() == 1);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channel_error().code == Errc::login_rejected);
}

TEST_CASE("a target that does not know the other channels any more gets no further one") {
  Channels rig;
  rig.target->set_login_response_hook(
      [](wire::LoginResponse& r) { r.multichannel = wire::MultiChannelResult::none_existed; });
  rig.lose(1);
  rig.pass(1s);
  CHECK(rig.nexus->channels_live() == 1);
  CHECK(rig.nexus->channel_error().detail.find("does not know") != std::string::npos);
}

TEST_CASE("while another channel lives the session is live, and a lost one's reads go there at once") {
  Channels rig;
  rig.keep(Outcome::Kind::hold);
  std::array<Counted, 8> reads;
  for (auto& c : reads) rig.submit(c);
  rig.settle();
  REQUIRE(rig.channel(1).outstanding() == 4);
  rig.states.clear();
  rig.lose(1);
  CHECK(rig.states.empty());
  CHECK(rig.nexus->losses() == 0);
  CHECK(rig.nexus->channels_live() == 1);
  CHECK(rig.channel(0).outstanding() == 8);
  CHECK(rig.nexus->channel_history().losses == 1);
  rig.target->release_held();
  rig.settle();
  for (auto& c : reads) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::ok);
  }
  CHECK(rig.functions.empty());  // nothing was in doubt
  rig.pass(1s);
  CHECK(rig.nexus->channels_live() == 2);  // logged in again, on its own
  CHECK(rig.nexus->connects() == 1);
}

TEST_CASE(
    "a lost channel's unanswered writes are held until their unit is fenced through the others, then sent "
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
  CHECK(rig.nexus->unfenced().empty());
  CHECK(rig.nexus->channel_history().repeated == 1);
  // Those of the other channels were ended by it: whoever sent them may send them again.
  CHECK(first.counted.command.error == Errc::aborted_command);
  CHECK(third.counted.command.error == Errc::aborted_command);
  CHECK(rig.target->held() == 0);  // no ghost is left
  CHECK(rig.nexus->losses() == 0);
}

TEST_CASE("without the fence a lost channel's unanswered writes fail with no_connect, its reads go on") {
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

TEST_CASE("a write in doubt whose deadline passes, or that is cancelled, completes behind the fence") {
  auto options = with_channels(2);
  options.ack_timeout_exponent = 18;  // the fence is 7.5 s away, the deadline nearer
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

TEST_CASE("a fence through the others that is refused ends the session, whose next login fences") {
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
  CHECK(rig.nexus->losses() == 1);
  CHECK(rig.causes[rig.causes.size() - 2].detail.find("LOGICAL UNIT RESET") != std::string::npos);
  CHECK(b.counted.completions == 1);
  CHECK(b.counted.command.error == Errc::no_connect);
  CHECK_FALSE(rig.nexus->unfenced().empty());
  rig.on_function = {};
  rig.come_back();
  CHECK(rig.nexus->unfenced().empty());
  CHECK(rig.target->held() == 0);
}

TEST_CASE("another channel that is lost while the fence runs has its writes fenced, too") {
  Channels rig(with_channels(3), with_ghosts());
  rig.keep(Outcome::Kind::hold_medium);
  std::deque<Write> writes;
  for (std::uint64_t i = 0; i < 3; ++i) rig.submit(writes.emplace_back(*rig.nexus, 8 * i, 'w'));
  rig.settle();
  rig.answer_again();
  rig.options.reconnect_delay.reset();
  rig.lose(1);
  rig.clock.advance(rig.quiet());
  rig.nexus->poll();  // the reset is on its way, over 0 and 2
  rig.lose(2);
  rig.pass(10ms);
  CHECK(writes[1].counted.completions == 0);
  CHECK(writes[2].counted.completions == 0);
  CHECK_FALSE(rig.nexus->unfenced().empty());
  rig.pass(rig.quiet());
  CHECK(writes[1].counted.command.error == Errc::ok);
  CHECK(writes[2].counted.command.error == Errc::ok);
  CHECK(writes[1].counted.completions + writes[2].counted.completions == 2);
  CHECK(rig.nexus->unfenced().empty());
  CHECK(rig.nexus->losses() == 0);
}

TEST_CASE("a loss whose reset was the last that the fence waited for is fenced itself") {
  Channels rig(with_channels(3), with_ghosts());
  rig.keep(Outcome::Kind::hold_medium);
  std::deque<Write> writes;
  for (std::uint64_t i = 0; i < 3; ++i) rig.submit(writes.emplace_back(*rig.nexus, 8 * i, 'w'));
  rig.settle();
  rig.answer_again();
  rig.options.reconnect_delay.reset();
  rig.on_function = [](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 2 ? kLost : TaskOutcome{};
  };
  rig.lose(1);
  rig.pass(rig.quiet());
  REQUIRE(rig.functions.size() == 2);  // 0 has confirmed, 2 has not
  rig.lose(2);
  CHECK(writes[2].counted.completions == 0);
  CHECK_FALSE(rig.nexus->unfenced().empty());
  rig.pass(rig.quiet());
  CHECK(rig.functions.size() == 3);
  CHECK(writes[1].counted.command.error == Errc::ok);
  CHECK(writes[2].counted.command.error == Errc::ok);
  CHECK(writes[1].counted.completions + writes[2].counted.completions == 2);
}

TEST_CASE(
    "the loss of the last channel is the session's loss; held writes keep what fast_io_fail gives them") {
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
  CHECK(rig.nexus->losses() == 1);
  CHECK(rig.nexus->channels_live() == 0);
  CHECK(rig.nexus->state() == (options.fast_io_fail.count() > 0 ? State::recovering : State::lost));
  rig.target->set_online(true);
  rig.come_back();
  rig.pass(1s);
  CHECK(rig.nexus->channels_live() == 2);
  for (auto* w : {&a, &b}) {
    CHECK(w->counted.completions == 1);
    CHECK(w->counted.command.error == (options.fast_io_fail.count() > 0 ? Errc::ok : Errc::no_connect));
  }
}

TEST_CASE("disconnect and erase end all channels, and whatever waits for the fence") {
  Channels rig(with_channels(3), with_ghosts());
  rig.keep(Outcome::Kind::hold_medium);
  std::deque<Write> writes;
  for (std::uint64_t i = 0; i < 3; ++i) rig.submit(writes.emplace_back(*rig.nexus, 8 * i, 'w'));
  rig.settle();
  rig.lose(1);
  GENERATE(false, true) ? rig.nexus->disconnect() : rig.nexus->erase();
  for (auto& w : writes) {
    CHECK(w.counted.completions == 1);
    CHECK(w.counted.command.error == Errc::no_connect);
  }
  rig.settle();
  CHECK(rig.target->channels().empty());
  CHECK(rig.nexus->channels_live() == 0);
}

TEST_CASE("a reset goes over every channel, and ends on each what was sent before it") {
  Channels rig(with_channels(3));
  rig.keep(Outcome::Kind::lose_command);
  std::array<Counted, 6> commands;
  for (auto& c : commands) rig.submit(c);
  rig.settle();
  rig.answer_again();
  Task task;
  task.lun = 0;
  task.deadline = rig.clock.now() + 1s;
  bool done = false;
  task.owner = &done;
  task.on_complete = [](Task& t) noexcept { *static_cast<bool*>(t.owner) = true; };
  rig.nexus->submit(task);
  rig.settle();
  REQUIRE(done);
  CHECK(task.confirmed());
  CHECK(rig.functions.size() == 3);
  for (std::uint32_t i = 0; i < 3; ++i)
    CHECK(std::ranges::count_if(rig.functions, [&](const auto& f) { return channel_of(f.tag) == i; }) == 1);
  for (auto& c : commands) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::aborted_command);
  }
}

TEST_CASE("nothing for a unit is sent on any channel until all have confirmed its reset") {
  Channels rig;
  rig.on_function = [](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 1 ? kLost : TaskOutcome{};
  };
  Task task;
  task.lun = 0;
  task.deadline = rig.clock.now() + 1s;
  bool done = false;
  task.owner = &done;
  task.on_complete = [](Task& t) noexcept { *static_cast<bool*>(t.owner) = true; };
  rig.nexus->submit(task);
  rig.settle();
  REQUIRE(rig.functions.size() == 2);
  rig.keep(Outcome::Kind::normal);
  std::array<Counted, 4> commands;
  Counted elsewhere;
  elsewhere.command.lun = std::uint64_t{1} << 48;
  for (auto& c : commands) rig.submit(c);
  rig.submit(elsewhere);
  rig.pass(500ms);
  CHECK_FALSE(done);
  for (auto& c : commands) CHECK(c.completions == 0);
  CHECK(elsewhere.completions == 1);
  // The channel that has not confirmed what the other has is of no further use; the rest goes on.
  rig.pass(510ms);
  CHECK(done);
  CHECK(task.confirmed());
  CHECK(rig.nexus->channel_history().losses == 1);
  CHECK(rig.nexus->losses() == 0);
  for (auto& c : commands) CHECK(c.completions == 1);
}

TEST_CASE("a channel that is lost in the middle of a reset leaves the answer to the others") {
  Channels rig;
  rig.on_function = [](const wire::TaskManagement& f) {
    return channel_of(f.tag) == 1 ? kLost : TaskOutcome{};
  };
  Task task;
  task.lun = 0;
  task.deadline = rig.clock.now() + 1s;
  task.owner = &rig;
  static int completions;
  completions = 0;
  task.on_complete = [](Task&) noexcept { ++completions; };
  rig.nexus->submit(task);
  rig.settle();
  REQUIRE(rig.functions.size() == 2);
  CHECK(completions == 0);
  rig.lose(1);
  CHECK(completions == 1);
  CHECK(task.confirmed());
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
  Counted other;  // over the other channel, with time left
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
  CHECK(rig.nexus->losses() == 0);
  CHECK(rig.nexus->channel_history().losses == 0);
}

TEST_CASE("a logout for a multi-channel action on one channel is the loss of the session") {
  Channels rig;
  REQUIRE(rig.nexus->channels_live() == 2);
  rig.target->send_logout(wire::LogoutReason::multichannel_action, rig.target->channels()[1].number);
  rig.settle();
  CHECK(rig.nexus->losses() == 1);
  CHECK(rig.nexus->channel_history().losses == 0);
  rig.come_back();
  CHECK(rig.nexus->channels_live() == 2);
}

TEST_CASE("a logout for another reason costs its channel only") {
  Channels rig;
  rig.target->send_logout(wire::LogoutReason::inactive, rig.target->channels()[1].number);
  rig.settle();
  CHECK(rig.nexus->losses() == 0);
  CHECK(rig.nexus->channels_live() == 1);
}

TEST_CASE("each idle channel has a keepalive: a silent one is lost, not the session") {
  Channels rig;
  rig.keep(Outcome::Kind::normal);
  rig.pass(*rig.options.keepalive + 10ms);
  CHECK(std::ranges::count_if(rig.tags, [](auto t) { return channel_of(t) == 0; }) == 1);
  CHECK(std::ranges::count_if(rig.tags, [](auto t) { return channel_of(t) == 1; }) == 1);
  rig.target->set_command_hook([](const target::CommandInfo& info) {
    return Outcome::of(channel_of(info.tag) == 1 ? Outcome::Kind::lose_command : Outcome::Kind::normal);
  });
  for (int i = 0; i < 200 && rig.nexus->channel_history().losses == 0; ++i) rig.pass(100ms);
  CHECK(rig.nexus->channel_history().losses == 1);
  CHECK(rig.nexus->losses() == 0);
  CHECK(rig.nexus->is_live(0));
}

TEST_CASE("what a target reports on one channel holds I/O on all, for one proof") {
  Channels rig(with_channels(3));
  const auto starts = rig.probe.starts;
  rig.target->send_async_event(0, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged),
                               rig.target->channels()[2].number);
  rig.settle();
  CHECK(rig.events.size() == 1);
  CHECK(rig.probe.greetings == 2);  // the other two are asked for their unit attentions first
  CHECK(rig.probe.starts == starts + 1);
}

TEST_CASE("a channel over which the proof gets no answer is lost, and the proof goes on over another") {
  Channels rig;
  rig.probe.silent = 1;
  rig.target->send_async_event(0, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged),
                               rig.target->channels()[0].number);
  rig.settle();
  Counted c;
  rig.submit(c);
  rig.pass(rig.options.connect_timeout - 10ms);
  CHECK(c.completions == 0);
  rig.pass(20ms);
  CHECK(rig.nexus->channel_history().losses == 1);
  CHECK(rig.nexus->losses() == 0);
  CHECK(c.completions == 1);
}

TEST_CASE("a channel that would reach another unit is not used, and the others are proved again") {
  Channels rig;
  rig.probe.answer = Error{Errc::identity_mismatch, "another unit"};
  rig.probe.wrong = 1;
  const auto starts = rig.probe.starts;
  rig.lose(1);
  rig.pass(1s);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels_live() == 1);
  CHECK(rig.probe.starts == starts + 2);
  CHECK(rig.nexus->channel_error().code == Errc::identity_mismatch);
}
