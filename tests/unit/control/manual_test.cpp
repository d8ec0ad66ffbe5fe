// SPDX-License-Identifier: Apache-2.0
// The manual has what the tables have: its tables of options and events are generated, and no order, key or failure
// lacks its place. `SRPI_WRITE_MANUAL=1 test_control "the manual*"` writes the generated tables.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "catch2/catch.hpp"
#include "control/orders.hpp"
#include "control/reports.hpp"

using namespace srp_nbd;

namespace {

constexpr const char* kManual = SRPI_SOURCE_DIR "/docs/srp-nbd.md";

std::string manual() {
  std::ifstream file(kManual);
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void check_generated(const std::string& name, const std::string& expected) {
  auto text = manual();
  const auto begin_mark = "<!-- generated: " + name + " -->\n";
  const auto begin = text.find(begin_mark);
  REQUIRE(begin != std::string::npos);
  const auto from = begin + begin_mark.size();
  const auto end = text.find("<!-- end -->", from);
  REQUIRE(end != std::string::npos);
  if (std::getenv("SRPI_WRITE_MANUAL")) {
    std::ofstream(kManual) << text.replace(from, end - from, expected);
    return;
  }
  CHECK(text.substr(from, end - from) == expected);
}

template<class Message>
void check_keys(const std::string& text) {
  for_each_member<Message>([&](std::string_view key, auto) {
    INFO(key);
    CHECK((text.find("`" + std::string(key) + "`") != std::string::npos ||
           text.find("\"" + std::string(key) + "\":") != std::string::npos));
  });
}

}  // namespace

TEST_CASE("the manual's tables of options and of events are the ones that the program has") {
  check_generated("options", options_manual());
  check_generated("events", events_manual());
}

TEST_CASE("the manual has every order, with its keys and those of its answer") {
  const auto text = manual();
  boost::mp11::mp_for_each<Order>([&](const auto& each) {
    using Each = std::remove_cvref_t<decltype(each)>;
    INFO(Each::kCommand);
    CHECK(text.find("{\"command\":\"" + std::string(Each::kCommand) + "\"") != std::string::npos);
    if constexpr (Described<typename Each::Members>) check_keys<typename Each::Members>(text);
    check_keys<typename Each::Answer>(text);
  });
}

TEST_CASE("the manual has every key of a session and of an event, and every failure") {
  const auto text = manual();
  check_keys<SessionView>(text);
  check_keys<UnitView>(text);
  check_keys<TimersView>(text);
  check_keys<ChannelsView>(text);
  check_keys<NegotiatedView>(text);
  check_keys<srpi::SessionCounters>(text);
  check_keys<Event>(text);
  check_keys<Failure>(text);
  for (const auto& [code, exit_code] : kFailureCodes) {
    INFO(code);
    CHECK(text.find("`" + std::string(code) + "`") != std::string::npos);
  }
}
