// SPDX-License-Identifier: Apache-2.0
// A target's own requests: answered one by one, and limited.
#include <array>

#include "rig.hpp"
#include "wire/async_event.hpp"

using namespace srpi;
using namespace srpi::channel;
using namespace srpi::channel::test;
using namespace std::chrono_literals;

namespace {

const auto kSpaceLow = scsi::make_sense(scsi::SenseKey::unit_attention, {0x38, 0x07});

// Sends so many events, each after the answer to the one before.
void send_events(Rig& rig, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    rig.target->send_async_event(0, kSpaceLow);
    rig.settle();
  }
}

// Sends events without waiting for the answers. The target does not see the answers.
void send_events_at_once(Rig& rig, int count) {
  std::array<std::byte, 64> unit;
  const auto bytes = wire::encode(wire::AsyncEventRequest{.tag = 1, .lun = 0, .sense = {}}, unit);
  for (int i = 0; i < count; ++i) rig.target->send_raw(std::span(unit).first(bytes));
  rig.network.progress();
  rig.channel().poll();
}

}  // namespace

TEST_CASE("a target that sends events without end loses its channel with protocol_error") {
  Rig rig;
  send_events(rig, RequestRate::kMost);
  CHECK_FALSE(rig.channel().failure());
  CHECK(rig.target->counters().target_answers == RequestRate::kMost);
  send_events(rig, 1);
  REQUIRE(rig.channel().failure());
  CHECK(rig.channel().failure()->code == Errc::protocol_error);
  CHECK(rig.target->counters().target_answers == RequestRate::kMost);
}

TEST_CASE("as many events in every second cost nothing") {
  Rig rig;
  for (int second = 0; second < 3; ++second) {
    send_events(rig, RequestRate::kMost);
    rig.pass(1s);
  }
  CHECK_FALSE(rig.channel().failure());
}

TEST_CASE("the limit of events outlives the channel, so that a new login does not begin a new flood") {
  Rig rig;
  send_events(rig, RequestRate::kMost + 1);
  REQUIRE(rig.channel().failure());
  (void)rig.channel().end();
  rig.log_in(rig.channel());
  send_events(rig, 1);
  CHECK(rig.channel().failure());
  (void)rig.channel().end();
  rig.pass(1s);
  rig.log_in(rig.channel());
  send_events(rig, 1);
  CHECK_FALSE(rig.channel().failure());
}

TEST_CASE("a target may grant the credit of every command by a request of its own, at any rate") {
  Rig rig;
  for (std::uint64_t i = 0; i < 3 * RequestRate::kMost; ++i) {
    Counted command;
    rig.channel().submit(command);
    rig.target->send_credit_request(0);
    rig.settle();
    REQUIRE(command.completions == 1);
  }
  CHECK_FALSE(rig.channel().failure());
  for (std::uint64_t i = 0; i < RequestRate::kMost + 1; ++i) {  // and now without commands
    rig.target->send_credit_request(0);
    rig.settle();
  }
  REQUIRE(rig.channel().failure());
  CHECK(rig.channel().failure()->code == Errc::protocol_error);
}

TEST_CASE("a few requests without waiting for the answers are answered, more cost the channel") {
  Rig rig;
  send_events_at_once(rig, 4);
  CHECK_FALSE(rig.channel().failure());
  send_events_at_once(rig, 5);
  REQUIRE(rig.channel().failure());
  CHECK(rig.channel().failure()->code == Errc::protocol_error);
  CHECK(rig.channel().failure()->detail.find("without waiting") != std::string::npos);
}
