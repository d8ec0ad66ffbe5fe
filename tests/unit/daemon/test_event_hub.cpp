// SPDX-License-Identifier: Apache-2.0
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "catch2/catch.hpp"
#include "daemon/event_hub.hpp"

using namespace srp_nbd;
namespace json = boost::json;

namespace {

Event change_of(const std::string& session, srpi::SessionState to) {
  Event event(Event::Time(), session, EventKind::state);
  event.from = "connecting";
  event.to = srpi::to_string(to);
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

TEST_CASE("events: a follower gets the present states, then each change once") {
  Hub rig;
  rig.present = {change_of("a", srpi::SessionState::live), change_of("b", srpi::SessionState::disconnected)};
  for (auto& event : rig.present) event.kind = "present";
  const auto follower = *rig.hub.follow("");
  rig.hub.publish(change_of("a", srpi::SessionState::disconnecting));
  CHECK(next_of(*follower).at("kind").as_string() == "present");
  CHECK(next_of(*follower).at("session").as_string() == "b");
  CHECK(next_of(*follower).at("to").as_string() == "disconnecting");
  CHECK(follower->next() == nullptr);
}

TEST_CASE("events: a follower of one session gets no events of others") {
  Hub rig;
  rig.present = {change_of("a", srpi::SessionState::live), change_of("b", srpi::SessionState::live)};
  const auto follower = *rig.hub.follow("b");
  CHECK(next_of(*follower).at("session").as_string() == "b");
  rig.hub.publish(change_of("a", srpi::SessionState::disconnected));
  CHECK(follower->next() == nullptr);
}

TEST_CASE("events: a stuck follower's queue is limited, and it learns the exact number of lost events") {
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

TEST_CASE("events: a waiting follower is notified once") {
  Hub rig;
  const auto follower = *rig.hub.follow("");
  int calls = 0;
  follower->on_ready([&] { ++calls; });
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  CHECK(calls == 1);
  while (follower->next() != nullptr) {
  }
  rig.hub.publish(change_of("a", srpi::SessionState::live));
  CHECK(calls == 2);
}

TEST_CASE("events: a follower may outlive the hub") {
  std::shared_ptr<EventFollower> follower;
  {
    Hub rig;
    follower = *rig.hub.follow("");
  }
  follower.reset();
}

TEST_CASE("events: the number of followers is limited, and a place becomes free again") {
  Hub rig;
  std::vector<std::shared_ptr<EventFollower>> followers;
  for (std::size_t i = 0; i < EventHub::kMaxFollowers; ++i) followers.push_back(*rig.hub.follow(""));
  const auto one_more = rig.hub.follow("");
  REQUIRE(one_more.has_error());
  CHECK(one_more.error().code == "busy");
  followers.pop_back();
  CHECK(rig.hub.follow("").has_value());
}
