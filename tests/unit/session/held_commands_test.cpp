// SPDX-License-Identifier: Apache-2.0
#include "session/held_commands.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "parts_rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;

namespace {

constexpr base::Time kHeldSince{10s};

}  // namespace

TEST_CASE("held commands are released in order, and their deadlines are put off by the wait") {
  HeldCommands held;
  auto first = a_read(), second = a_write(), no_deadline = a_read();
  for (auto* c : {&first, &second}) {
    c->deadline = kHeldSince + 3s;
    c->give_up_at = kHeldSince + 10s;
  }
  second.give_up_at = kHeldSince + 4s;
  held.begin(kHeldSince);
  for (auto* c : {&first, &second, &no_deadline}) held.hold(*c);
  auto released = held.release(kHeldSince + 2s, 1);
  CHECK(content(std::move(released.going)) == std::vector{&first, &second, &no_deadline});
  CHECK(released.too_late.empty());
  CHECK(first.deadline == kHeldSince + 5s);
  CHECK(second.deadline == kHeldSince + 4s);  // no further than give_up_at
  CHECK(no_deadline.deadline == base::kNever);
  CHECK(content(held.take_all()).empty());
}

TEST_CASE("a command after give_up_at, or with too many descriptors, is too late") {
  HeldCommands held;
  std::array<DataSegment, 2> segments;
  auto late = a_read(), long_one = a_read(), good = a_read();
  late.give_up_at = kHeldSince;
  long_one.data = segments;
  for (auto* c : {&late, &long_one, &good}) held.hold(*c);
  auto released = held.release(kHeldSince, 1);
  CHECK(content(std::move(released.too_late)) == std::vector{&late, &long_one});
  CHECK(content(std::move(released.going)) == std::vector{&good});
}

TEST_CASE("held commands end one by one at their give_up_at") {
  HeldCommands held;
  auto early = a_read(), late = a_read();
  early.give_up_at = kHeldSince + 1s;
  late.give_up_at = kHeldSince + 2s;
  held.hold(late);
  held.hold(early);
  CHECK(held.next_give_up() == kHeldSince + 1s);
  CHECK(content(held.take_overdue(kHeldSince)).empty());
  CHECK(content(held.take_overdue(kHeldSince + 1s)) == std::vector{&early});
  CHECK(held.next_give_up() == kHeldSince + 2s);
  CHECK(content(held.take_all()) == std::vector{&late});
  CHECK(held.next_give_up() == base::kNever);
}

TEST_CASE("an operator's abort takes the commands of one unit and keeps the others in order") {
  HeldCommands held;
  auto a = a_read(kLun0), b = a_read(kLun1), c = a_read(kLun0), d = a_read(kLun1);
  for (auto* command : {&a, &b, &c, &d}) held.hold(*command);
  CHECK(content(held.take_unit(kLun1)) == std::vector{&b, &d});
  CHECK(content(held.take_all()) == std::vector{&a, &c});
}
