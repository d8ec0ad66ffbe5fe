// SPDX-License-Identifier: Apache-2.0
#include "session/transitions.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

using namespace srpi::session;

TEST_CASE("the documented state diagram is the one that the table generates") {
  std::ifstream file(SRPI_SOURCE_DIR "/docs/session-states.md");
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const auto document = text.str();
  const auto begin = document.find("```mermaid\n");
  REQUIRE(begin != std::string::npos);
  const auto from = begin + 11;
  const auto end = document.find("```", from);
  REQUIRE(document.substr(from, end - from) == to_mermaid());
}

TEST_CASE("erase leaves every state, and only erase and dev_loss are final") {
  for (const auto& row : transitions()) {
    if (row.event == Event::erase_requested)
      CHECK(row.next == State::erased);
    else if (row.next == State::erased && row.state != State::erased)
      CHECK(row.event == Event::dev_loss_expired);
  }
}

TEST_CASE("an administrator's disconnect is final: only reconnect or erase leave stopped") {
  for (const auto& row : transitions()) {
    if (row.state != State::stopped || row.next == State::stopped) continue;
    CHECK((row.event == Event::reconnect_requested || row.event == Event::erase_requested));
  }
}

TEST_CASE("a loss is not final: a lost session goes on trying") {
  CHECK(transition(State::lost, Event::attempt_failed).action == Action::schedule_retry);
  CHECK(transition(State::lost, Event::retry_due).action == Action::start_attempt);
  CHECK(transition(State::lost, Event::attempt_succeeded).next == State::live);
}

TEST_CASE("every state, event and action has its own name") {
  std::set<std::string> states, events, actions;
  for (const auto& row : transitions()) {
    states.insert(to_string(row.state));
    events.insert(to_string(row.event));
    actions.insert(to_string(row.action));
  }
  CHECK(states.size() == kStates);
  CHECK(events.size() == kEvents);
  CHECK(states.count("?") + events.count("?") + actions.count("?") == 0);
}
