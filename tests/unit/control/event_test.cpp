// SPDX-License-Identifier: Apache-2.0
#include <boost/json/parse.hpp>

#include "catch2/catch.hpp"
#include "control/reports.hpp"

using namespace srp_nbd;

namespace {

Event event_of(EventKind kind) { return {Event::Time(std::chrono::milliseconds(0)), "a", kind}; }

std::string text_of(std::string_view json) {
  Event event;
  REQUIRE(JsonReader(Reading::answer).read(boost::json::parse({json.data(), json.size()}), event, "event"));
  return event.text();
}

}  // namespace

TEST_CASE("event JSON: every key of its kind, and a sortable time") {
  CHECK(Event(Event::Time(std::chrono::milliseconds(1764000000007)), "a", EventKind::state).time ==
        "2025-11-24T16:00:00.007Z");
  auto event = event_of(EventKind::state);
  event.from = "connecting";
  event.cause = Failure{"unreachable", "no answer"};
  const auto state = to_json(event);
  CHECK(state.at("time").as_string() == "1970-01-01T00:00:00.000Z");
  CHECK(state.at("from").as_string() == "connecting");
  CHECK(state.at("cause").at("code").as_string() == "unreachable");
  CHECK_FALSE(state.as_object().contains("lun"));

  event = event_of(EventKind::unit_resized);
  UnitView unit;
  unit.device = "/dev/nbd3";
  unit.size_bytes = 2u << 20;
  event.set_unit(unit);
  event.old_size_bytes = 1u << 20;
  const auto resized = to_json(event);
  CHECK(resized.at("from").is_null());
  CHECK(resized.at("cause").is_null());
  CHECK(resized.at("device").as_string() == "/dev/nbd3");
  CHECK(resized.at("export").is_null());
  CHECK(resized.at("size_bytes").to_number<std::uint64_t>() == 2u << 20);
  CHECK(resized.at("old_size_bytes").to_number<std::uint64_t>() == 1u << 20);
}

TEST_CASE("event JSON: reports about a unit, and about a unit that the session does not use") {
  auto event = event_of(EventKind::unit_event);
  event.event = "capacity_changed";
  event.lun.emplace();
  CHECK(to_json(event).at("event").as_string() == "capacity_changed");
  CHECK(to_json(event).at("kind").as_string() == "unit_event");
  CHECK(to_json(event).at("lun").is_null());
  CHECK_FALSE(to_json(event).as_object().contains("device"));
  UnitView unit;
  unit.lun = 3;
  unit.device = "/dev/nbd0";
  event.set_unit(unit);
  CHECK(to_json(event).at("lun").as_uint64() == 3);
  CHECK(to_json(event).at("device").as_string() == "/dev/nbd0");
}

TEST_CASE("event text: a line for each kind, and for an unknown kind of a newer daemon") {
  CHECK(text_of(R"({"time":"T","session":"a","kind":"present","to":"live"})") == "T  a  is live");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"state","from":"live","to":"recovering","cause":{"code":"x","message":"gone"}})") ==
      "T  a  live -> recovering: gone");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"unit_found","lun":3,"device":null,"size_bytes":2048,"wwid":"naa.1"})") ==
      "T  a  lun 3 found, 2.0 KiB  naa.1");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"unit_resized","lun":3,"device":"/dev/nbd0","size_bytes":2048,"old_size_bytes":1024})") ==
      "T  a  lun 3 (/dev/nbd0) resized, 1.0 KiB -> 2.0 KiB");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"published","lun":0,"device":null,"export":"nbd+unix:///lun0"})") ==
      "T  a  lun 0 published, nbd+unix:///lun0");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"unit_event","event":"mode_parameters_changed","lun":0,"device":"/dev/nbd0"})") ==
      "T  a  lun 0 (/dev/nbd0): the target reports: mode parameters changed");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"unit_event","event":"capacity_changed","lun":null})") ==
        "T  a  a unit that is not in use: the target reports: capacity changed");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"unit_event","event":"space_low","lun":1,"count":1})") ==
        "T  a  lun 1: the target reports: space low");
  CHECK(
      text_of(R"({"time":"T","session":"a","kind":"unit_event","event":"space_low","lun":1,"count":900})") ==
      "T  a  lun 1: the target reports: space low (900 times)");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"unit_away","lun":3,"device":"/dev/nbd0","cause":{"code":"x","message":"no medium"}})") ==
      "T  a  lun 3 (/dev/nbd0) is away: no medium");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"unit_back","lun":3,"device":null})") ==
        "T  a  lun 3 is back");
  CHECK(text_of(R"({"time":"T","session":null,"kind":"lost","lost":7})") ==
        "T  *  7 events lost: they came faster than they were taken");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"erased","cause":null})") == "T  a  erased");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"moved"})") == "T  a  moved");
  CHECK(text_of("{}") == "  *  ");
}

TEST_CASE("events: the table has a complete row for each kind") {
  const auto table = event_table();
  CHECK(table.size() == static_cast<std::size_t>(EventKind::lost) + 1);
  for (std::size_t i = 0; i < table.size(); ++i) {
    INFO(to_string(table[i].kind));
    CHECK(static_cast<std::size_t>(table[i].kind) == i);
    CHECK_FALSE((table[i].words.empty() || table[i].meaning.empty() || table[i].keys.empty()));
    CHECK_FALSE(event_of(table[i].kind).text().empty());  // the braces name what there is
  }
}

TEST_CASE("sizes are printed in the largest unit that fits") {
  CHECK(size_text(1023) == "1023 B");
  CHECK(size_text(512u << 20) == "512.0 MiB");
  CHECK(size_text(1536) == "1.5 KiB");
}
