// SPDX-License-Identifier: Apache-2.0
#include "channel/tmf_slots.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace srpi::channel;
using Kind = TmfSlots::Kind;

TEST_CASE("an answer finds its function once, and no tag is used twice") {
  TmfSlots slots(3);
  Tmf first, second;
  const auto tag = slots.take(*slots.free_slot(), first, Kind::in_turn);
  const auto answered = slots.take_answered(tag);
  REQUIRE(answered);
  CHECK(answered->tmf == &first);
  CHECK(answered->kind == Kind::in_turn);
  CHECK_FALSE(slots.take_answered(tag));
  CHECK(slots.take(*slots.free_slot(), second, Kind::in_turn) != tag);
}

TEST_CASE("tags of functions differ between channels and from tags of commands") {
  TmfSlots a(0), b(1);
  Tmf tmf;
  const auto of_a = a.take(0, tmf, Kind::in_turn), of_b = b.take(0, tmf, Kind::in_turn);
  CHECK(of_a != of_b);
  CHECK_FALSE(a.take_answered(of_b));
  CHECK_FALSE(a.take_answered(0));
  CHECK((of_a & 0xffffu) >= 0xff00u);
}

TEST_CASE("a forgotten function keeps its slot until its answer, which finds no function") {
  TmfSlots slots(0);
  Tmf tmf;
  const auto tag = slots.take(0, tmf, Kind::in_turn);
  slots.forget(tmf);
  CHECK(slots.free_slot() != 0u);
  const auto answered = slots.take_answered(tag);
  REQUIRE(answered);
  CHECK(answered->tmf == nullptr);
  CHECK(slots.free_slot() == 0u);
}

TEST_CASE("the slots are limited; the end frees all of them and returns the functions aside") {
  TmfSlots slots(0);
  std::array<Tmf, kTmfSlots> tmfs;
  std::uint64_t last = 0;
  for (std::uint32_t i = 0; i < kTmfSlots; ++i)
    last = slots.take(*slots.free_slot(), tmfs[i], i < 2 ? Kind::aside : Kind::in_turn);
  CHECK_FALSE(slots.free_slot());
  CHECK(slots.count_aside() == 2);
  slots.forget(tmfs[1]);
  auto aside = slots.end();
  CHECK(aside.pop_front() == &tmfs[0]);
  CHECK(aside.empty());
  CHECK(slots.free_slot() == 0u);
  CHECK_FALSE(slots.take_answered(last));
}
