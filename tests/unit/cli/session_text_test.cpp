// SPDX-License-Identifier: Apache-2.0
#include "cli/session_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "catch2/catch.hpp"
#include "cli/event_text.hpp"

using namespace srp_nbd;
namespace json = boost::json;

namespace {

std::string first_line(const std::string& state) {
  const auto text = list_text(json::parse("[{\"name\":\"a\",\"target\":\"T\"," + state + "}]").as_array());
  return text.substr(0, text.find('\n'));
}

std::string text_of(std::string_view event) {
  return event_text(json::parse({event.data(), event.size()}).as_object());
}

}  // namespace

TEST_CASE("durations: as many digits as a person wants") {
  CHECK(duration_text(40) == "0.0 s");
  CHECK(duration_text(3249) == "3.2 s");
  CHECK(duration_text(9949) == "9.9 s");
  CHECK(duration_text(9950) == "10 s");
  CHECK(duration_text(59499) == "59 s");
  CHECK(duration_text(59500) == "1 min 0 s");
  CHECK(duration_text(125000) == "2 min 5 s");
  CHECK(duration_text(3599499) == "59 min 59 s");
  CHECK(duration_text(3780000) == "1 h 3 min");
}

TEST_CASE("list: each running timer says what happens when, and only a running one") {
  CHECK(first_line(R"("state":"live","by":null,"timers":{"next_attempt_ms":null})") == "a  live  T");
  CHECK(first_line(R"("state":"disconnected","by":"administrator")") ==
        "a  disconnected by administrator  T");
  CHECK(
      first_line(
          R"("state":"recovering","by":"fault","timers":{"next_attempt_ms":3200,"fast_io_fail_ms":15000,"dev_loss_ms":598000})") ==
      "a  recovering by fault, next attempt in 3.2 s, held I/O fails in 15 s, erased in 9 min 58 s  T");
  CHECK(first_line(R"("state":"disconnected","by":"fault","timers":{"next_attempt_ms":0})") ==
        "a  disconnected by fault, next attempt now  T");
  CHECK(first_line(R"("state":"live","channels":{"wanted":4,"live":3})") ==
        "a  live over 3 of 4 channels  T");
  CHECK(first_line(R"("state":"live","channels":{"wanted":4,"live":4})") == "a  live  T");
  CHECK(first_line(R"("state":"live","stale":true)") ==
        "a  live (last known: its thread does not answer)  T");
  CHECK(show_text(json::parse(R"({"state":"disconnected","timers":{"dev_loss_ms":1000}})").as_object())
            .find("timers running      erased in 1.0 s\n") != std::string::npos);
}

TEST_CASE("units that are away are counted and say why, everywhere a person looks") {
  const auto session = json::parse(R"({"name":"a","state":"live","target":"T","luns":[
      {"lun":0,"device":"/dev/nbd0","size_bytes":1024,"wwid":"naa.1","away":null},
      {"lun":1,"device":"/dev/nbd1","size_bytes":2048,"wwid":"naa.2","away":{"code":"not_ready","message":"no medium"}}]})");
  CHECK(list_text({session}) ==
        "a  live, 1 of 2 units away  T\n"
        "    /dev/nbd0  lun 0  1.0 KiB  naa.1\n"
        "    /dev/nbd1  lun 1  2.0 KiB  naa.2\n"
        "        away: no medium\n");
  CHECK(show_text(session.as_object()).find("\n                    away: no medium\n") != std::string::npos);
  CHECK(away_units_text(session.as_object()) == "    /dev/nbd1  lun 1  away: no medium\n");
  CHECK(first_line(R"("state":"disconnected","luns":[{"away":{"message":"no medium"}}])") ==
        "a  disconnected  T");
}

TEST_CASE("show: the settings of fence, task management and transport") {
  const auto shown = [](const std::string& options) {
    return show_text(json::parse("{\"options\":{" + options + "}}").as_object());
  };
  const auto has = [](const std::string& text, const std::string& line) {
    return text.find(line + "\n") != std::string::npos;
  };
  const auto text = shown(
      R"("fence":true,"fence_first_login":false,"retry_count":6,"ack_timeout_exponent":14,"task_management_timeout_ms":2000)");
  CHECK(has(text, "fence               on"));
  CHECK(has(text, "transport           retry count 6, ack timeout exponent 14"));
  CHECK(text.find("task management 2000 ms") != std::string::npos);
  CHECK(has(shown(R"("fence":true,"fence_first_login":true)"),
            "fence               on, at the first login as well"));
  CHECK(has(shown(R"("fence":false,"fence_first_login":false)"), "fence               off"));
}

TEST_CASE("event text: a line for each kind, and for one that a newer daemon may have") {
  CHECK(text_of(R"({"time":"T","session":"a","kind":"present","to":"live"})") == "T  a  is live");
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"state","from":"live","to":"recovering","cause":{"code":"x","message":"gone"}})") ==
      "T  a  live -> recovering: gone");
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
  CHECK(
      text_of(
          R"({"time":"T","session":"a","kind":"unit_away","lun":3,"device":"/dev/nbd0","cause":{"code":"x","message":"no medium"}})") ==
      "T  a  lun 3 (/dev/nbd0) is away: no medium");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"unit_back","lun":3,"device":null})") ==
        "T  a  lun 3 is back");
  CHECK(text_of(R"({"time":"T","session":null,"kind":"lost","lost":7})") ==
        "T  *  7 events lost: they came faster than they were taken");
  CHECK(text_of(R"({"time":"T","session":"a","kind":"moved"})") == "T  a  moved");
  CHECK(text_of("{}") == "  *  ");
}

TEST_CASE("abort and reset: a line a unit, and good news only if all is well") {
  const auto answer = json::parse(
      R"({"name":"a","luns":[{"lun":0,"ok":true,"error":null},{"lun":2,"ok":false,"error":{"code":"timed_out","message":"no answer"}}]})");
  CHECK(unit_tasks_text("reset", answer.as_object()) ==
        "a  lun 0  reset: its requests are sent again\na  lun 2  failed: no answer\n");
  CHECK_FALSE(all_units_ok(answer.as_object()));
  const auto good = json::parse(R"({"name":"a","luns":[{"lun":0,"ok":true}]})");
  CHECK(unit_tasks_text("abort", good.as_object()) ==
        "a  lun 0  aborted: nothing submitted before is under way any more\n");
  CHECK(all_units_ok(good.as_object()));
}
