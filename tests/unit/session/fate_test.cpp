// SPDX-License-Identifier: Apache-2.0
// The table of session/fate.hpp, row by row.
#include "session/fate.hpp"

#include <catch2/catch.hpp>

#include "parts_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;

namespace {

constexpr base::Time kNow{10s};

// A command before its deadline.
Fate fate(Command command, Sent sent, Aftermath aftermath, bool fence) {
  command.internal.deadline = kNow + 1s;
  return fate_of(command, sent, aftermath, fence, kNow);
}

}  // namespace

TEST_CASE("an unsent command is sent again or held, if anything goes on") {
  const auto command = GENERATE(a_read(), a_write());
  const bool fence = GENERATE(false, true);
  CHECK(fate(command, Sent::no, Aftermath::another_channel, fence) == Fate::resend);
  CHECK(fate(command, Sent::no, Aftermath::held_io, fence) == Fate::hold);
  CHECK(fate(command, Sent::no, Aftermath::nothing, fence) == Fate::end);
}

TEST_CASE("a sent read has the same fate as an unsent command") {
  const bool fence = GENERATE(false, true);
  CHECK(fate(a_read(), Sent::yes, Aftermath::another_channel, fence) == Fate::resend);
  CHECK(fate(a_read(), Sent::yes, Aftermath::held_io, fence) == Fate::hold);
  CHECK(fate(a_read(), Sent::yes, Aftermath::nothing, fence) == Fate::end);
}

TEST_CASE("a sent write waits for the fence, or ends without the fence") {
  CHECK(fate(a_write(), Sent::yes, Aftermath::another_channel, true) == Fate::in_doubt);
  CHECK(fate(a_write(), Sent::yes, Aftermath::held_io, true) == Fate::hold);
  CHECK(fate(a_write(), Sent::yes, Aftermath::another_channel, false) == Fate::end);
  CHECK(fate(a_write(), Sent::yes, Aftermath::held_io, false) == Fate::end);
  CHECK(fate(a_write(), Sent::yes, Aftermath::nothing, true) == Fate::end);
}

TEST_CASE("a late command ends, but a late write in doubt waits for the fence") {
  auto read = a_read(), write = a_write();
  read.internal.deadline = write.internal.deadline = kNow;
  CHECK(fate_of(read, Sent::yes, Aftermath::another_channel, true, kNow) == Fate::end);
  CHECK(fate_of(write, Sent::no, Aftermath::held_io, true, kNow) == Fate::end);
  CHECK(fate_of(write, Sent::yes, Aftermath::held_io, true, kNow) == Fate::end);
  CHECK(fate_of(write, Sent::yes, Aftermath::another_channel, true, kNow) == Fate::in_doubt);
}

TEST_CASE("the session's own commands end with their channel") {
  auto question = GENERATE(a_read(), a_write());
  question.rescue = false;
  for (const auto aftermath : {Aftermath::another_channel, Aftermath::held_io, Aftermath::nothing})
    for (const auto sent : {Sent::no, Sent::yes}) CHECK(fate(question, sent, aftermath, true) == Fate::end);
}

TEST_CASE("sorting marks exactly the units of sent writes") {
  auto sent_write = a_write(kLun1), sent_read = a_read(kLun0), unsent_write = a_write(kLun0);
  for (auto* c : {&sent_write, &sent_read, &unsent_write}) c->internal.deadline = kNow + 1s;
  CommandList sent, unsent;
  sent.push_back(sent_write);
  sent.push_back(sent_read);
  unsent.push_back(unsent_write);
  Fates fates{.fence = true, .now = kNow};
  FenceMarks marks;
  fates.sort(std::move(sent), Sent::yes, Aftermath::another_channel, marks);
  fates.sort(std::move(unsent), Sent::no, Aftermath::another_channel, marks);
  CHECK(content(std::move(fates.in_doubt)) == std::vector{&sent_write});
  CHECK(content(std::move(fates.resend)) == std::vector{&sent_read, &unsent_write});
  CHECK(marks.contains(kLun1));
  CHECK_FALSE(marks.contains(kLun0));
}
