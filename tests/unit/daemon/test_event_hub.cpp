// SPDX-License-Identifier: Apache-2.0
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "catch2/catch.hpp"
#include "daemon/event_hub.hpp"

using namespace srp_nbd;
namespace json = boost::json;

namespace {

Event change_of(const std::string& session, srpi::SessionState to) {
  Event event;
  event.session = session;
  event.from = srpi::SessionState::connecting;
  event.to = to;
  return event;
}

struct Hub {
  std::vector<Event> present;
  EventHub hub{[this] { return present; }, [] { return Event::Time(std::chrono::milliseconds(1500)); }};
};

json::object next_of(EventFollower& follower) {
  const auto line = follower.next();
  REQUIRE(line != nullptr);
  REQUIRE(line->find('\n') == std::string::npos);
  return json::parse(*line).as_object();
}

}  // namespace

TEST_CASE("events: a follower begins with the present states, then gets each change once") {
  Hub rig;
  rig.present = {change_of("a", srpi::SessionState::live), change_of("b", srpi::SessionState::disconnected)};
  for (auto& event : rig.present) event.kind = EventKind::present;
  const auto follower = *rig.hub.follow("");
  rig.hub.publish(change_of("a", srpi::SessionState::disconnecting));
  CHECK(next_of(*follower).at("kind").as_string() == "present");
  CHECK(next_of(*follower).at("session").as_string() == "b");
  CHECK(next_of(*follower).at("to").as_string() == "disconnecting");
  CHECK(follower->next() == nullptr);
}

TEST_CASE("events: who follows one session hears nothing of the others") {
  Hub rig;
  rig.present = {change_of("a", srpi::SessionState::live), change_of("b", srpi::SessionState::live)};
  const auto follower = *rig.hub.follow("b");
  CHECK(next_of(*follower).at("session").as_string() == "b");
  rig.hub.publish(change_of("a", srpi::SessionState::disconnected));
  CHECK(follower->next() == nullptr);
}

TEST_CASE("events: a stuck follower costs a fixed number of lines, and is told exactly how many it lost") {
  Hub rig;
  const auto stuck = *rig.hub.follow("");
  const auto lively = *rig.hub.follow("");
  constexpr std::size_t kEvents = EventHub::kMaxWaiting + 1000;
  for (std::size_t i = 0; i < kEvents; ++i) {
    rig.hub.publish(change_of("a", srpi::SessionState::live));
    REQUIRE(lively->next() != nullptr);
  }
  rig.present = {change_of("a", srpi::SessionState::recovering)};
  for (std::size_t i = 0; i < EventHub::kMaxWaiting; ++i)
    CHECK(next_of(*stuck).at("kind").as_string() == "state");
  // What comes before it has been told belongs to what it lost: nothing overtakes.
  rig.hub.publish(change_of("a", srpi::SessionState::recovering));
  const auto lost = next_of(*stuck);
  CHECK(lost.at("kind").as_string() == "lost");
  CHECK(lost.at("lost").to_number<std::uint64_t>() == 1001);
  CHECK(next_of(*stuck).at("to").as_string() ==
        "recovering");  // the present state, so that it knows where it is
  CHECK(stuck->next() == nullptr);
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  CHECK(next_of(*stuck).at("to").as_string() == "live");
}

TEST_CASE("events: whoever waits is called when there is something, also when it goes away by that") {
  Hub rig;
  auto follower = *rig.hub.follow("");
  const auto other = *rig.hub.follow("");
  int calls = 0;
  follower->on_ready([&] {
    ++calls;
    follower.reset();
  });
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  CHECK(calls == 1);
  CHECK(other->next() != nullptr);
}

TEST_CASE("events: whoever waits is called, too, for an event that there was no memory for") {
  Hub rig;
  const auto follower = *rig.hub.follow("");
  int calls = 0;
  follower->on_ready([&] { ++calls; });
  rig.hub.report([]() -> Event { throw std::bad_alloc(); });
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  CHECK(calls == 1);
  CHECK(next_of(*follower).at("lost").to_number<int>() == 2);
}

TEST_CASE("events: no more followers than there are places, and a place is free again") {
  Hub rig;
  std::vector<std::shared_ptr<EventFollower>> followers;
  for (std::size_t i = 0; i < EventHub::kMaxFollowers; ++i) followers.push_back(*rig.hub.follow(""));
  const auto one_more = rig.hub.follow("");
  REQUIRE(one_more.has_error());
  CHECK(one_more.error().code == "busy");
  followers.pop_back();
  CHECK(rig.hub.follow("").has_value());
}

TEST_CASE("event JSON: every key of its kind, and a time that sorts") {
  CHECK(iso_time(Event::Time(std::chrono::milliseconds(1764000000007))) == "2025-11-24T16:00:00.007Z");
  auto event = change_of("a", srpi::SessionState::disconnected);
  event.cause = Failure{"unreachable", "no answer"};
  const auto state = to_json(event);
  CHECK(state.at("time").as_string() == "1970-01-01T00:00:00.000Z");
  CHECK(state.at("from").as_string() == "connecting");
  CHECK(state.at("cause").at("code").as_string() == "unreachable");
  CHECK_FALSE(state.contains("lun"));

  event = {};
  event.kind = EventKind::unit_resized;
  event.unit = PublishedUnit{};
  event.unit->info.blocks = 4096;
  event.unit->device = "/dev/nbd3";
  event.old_size_bytes = 1u << 20;
  const auto resized = to_json(event);
  CHECK(resized.at("from").is_null());
  CHECK(resized.at("cause").is_null());
  CHECK(resized.at("device").as_string() == "/dev/nbd3");
  CHECK(resized.at("size_bytes").to_number<std::uint64_t>() == 2u << 20);
  CHECK(resized.at("old_size_bytes").to_number<std::uint64_t>() == 1u << 20);
}

TEST_CASE("events: what a target reports about a unit, and about one that is not ours") {
  Event event;
  event.session = "a";
  event.kind = EventKind::unit_event;
  event.reported = srpi::SessionEvent::capacity_changed;
  CHECK(to_json(event).at("event").as_string() == "capacity_changed");
  CHECK(to_json(event).at("kind").as_string() == "unit_event");
  CHECK(to_json(event).at("lun").is_null());
  event.unit = PublishedUnit{};
  event.unit->info.lun = 3;
  event.unit->device = "/dev/nbd0";
  CHECK(to_json(event).at("lun").as_uint64() == 3);
  CHECK(to_json(event).at("device").as_string() == "/dev/nbd0");
}
