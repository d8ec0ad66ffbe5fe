// SPDX-License-Identifier: Apache-2.0
// What a channel returns when it ends.
#include <array>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::channel;
using namespace srpi::channel::test;
using namespace std::chrono_literals;

namespace {

std::vector<const Command*> take_all(CommandList& list) {
  std::vector<const Command*> all;
  while (const auto* c = list.pop_front()) all.push_back(c);
  return all;
}

}  // namespace

TEST_CASE("end returns commands without an answer as sent, in their order, and completes none") {
  Rig rig;
  rig.keep_commands();
  std::array<Counted, 3> commands;
  for (auto& c : commands) rig.channel().submit(c);
  rig.settle();
  CHECK(rig.channel().outstanding() == 3);
  auto [sent, unsent] = rig.channel().end();
  CHECK(take_all(sent) == std::vector<const Command*>{&commands[0], &commands[1], &commands[2]});
  CHECK(unsent.empty());
  for (const auto& c : commands) CHECK(c.completions == 0);
  CHECK(rig.channel().outstanding() == 0);
  CHECK_FALSE(rig.channel().is_open());
}

TEST_CASE("end returns as unsent the commands that were not posted or waited behind the queue depth") {
  Rig rig;
  rig.keep_commands();
  std::array<Counted, 10> commands;  // two more than the queue depth
  for (auto& c : commands) rig.channel().submit(c);
  SECTION("nothing was posted") {
    auto [sent, unsent] = rig.channel().end();
    CHECK(sent.empty());
    CHECK(take_all(unsent).size() == 10);
  }
  SECTION("the queue was full") {
    rig.settle();
    auto [sent, unsent] = rig.channel().end();
    CHECK(take_all(sent).size() == 8);
    CHECK(take_all(unsent) == std::vector<const Command*>{&commands[8], &commands[9]});
  }
}

TEST_CASE("end returns as unsent the commands that waited for the reset of their unit") {
  Rig rig;
  rig.task_outcome = kLost;
  CountedTmf reset;
  reset.deadline = rig.clock.now() + 1s;
  rig.resets.submit(reset);
  rig.settle();
  Counted same, other(scsi::test_unit_ready(), kOtherLun);
  rig.channel().submit(same);
  rig.channel().submit(other);
  rig.settle();
  CHECK(other.completions == 1);
  auto [sent, unsent] = rig.channel().end();
  CHECK(sent.empty());
  CHECK(take_all(unsent) == std::vector<const Command*>{&same});
  CHECK(reset.completions == 1);
  CHECK(reset.error == Errc::no_connect);
}

TEST_CASE("end completes every active, waiting and aside function once with no_connect") {
  Rig rig;
  rig.task_outcome = kLost;
  CountedTmf active, waiting, aside;
  rig.channel().submit(active);
  rig.channel().submit(waiting);
  REQUIRE(rig.channel().submit_aside(aside));
  rig.settle();
  CHECK(rig.functions.size() == 2);
  (void)rig.channel().end();
  for (const auto* t : {&active, &waiting, &aside}) {
    CHECK(t->completions == 1);
    CHECK(t->error == Errc::no_connect);
  }
}

TEST_CASE("end during a rescue returns the command and forgets its function") {
  Rig rig;
  rig.keep_commands();
  rig.task_outcome = kLost;
  Counted command;
  rig.channel().submit(command);
  rig.settle();
  rig.pass(rig.limits.command_timeout + 1ms);
  CHECK(rig.functions == std::vector{wire::TaskFunction::abort_task});
  auto [sent, unsent] = rig.channel().end();
  CHECK(take_all(sent) == std::vector<const Command*>{&command});
  CHECK(command.completions == 0);
  CHECK(command.internal.end_error == Errc::timed_out);
}

TEST_CASE("end does not return answered commands; the channel can be opened again after it") {
  Rig rig;
  Counted answered, next;
  rig.channel().submit(answered);
  rig.settle();
  CHECK(answered.completions == 1);
  auto [sent, unsent] = rig.channel().end();
  CHECK((sent.empty() && unsent.empty()));
  rig.log_in(rig.channel());
  rig.channel().submit(next);
  rig.settle();
  CHECK(next.completions == 1);
  CHECK(next.error == Errc::ok);
}

TEST_CASE("every end on a channel that is not open returns nothing") {
  Rig rig;
  for (int i = 0; i < 2; ++i) {
    auto [sent, unsent] = rig.channel().end();
    CHECK((sent.empty() && unsent.empty()));
  }
}

TEST_CASE("complete counts an error of the channel") {
  Rig rig;
  rig.keep_commands();
  Counted command;
  rig.channel().submit(command);
  rig.settle();
  auto [sent, unsent] = rig.channel().end();
  rig.channel().complete(*sent.pop_front(), Errc::no_connect);
  CHECK(command.completions == 1);
  CHECK(command.error == Errc::no_connect);
  CHECK(rig.channel().counters().errors == 1);
}
