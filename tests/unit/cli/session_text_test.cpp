// SPDX-License-Identifier: Apache-2.0
#include "cli/session_text.hpp"

#include <boost/json/parse.hpp>

#include "catch2/catch.hpp"

using namespace srp_nbd;

namespace {

// Of a message that leaves out what does not matter.
template<class Message>
Message read(std::string_view json) {
  Message message;
  JsonReader reader(Reading::answer);
  INFO(json);
  REQUIRE(reader.read(boost::json::parse({json.data(), json.size()}), message, "message"));
  return message;
}

std::string first_line(const std::string& state) {
  const auto text = list_text({read<SessionView>(R"({"name":"a","target":"T",)" + state + "}")});
  return text.substr(0, text.find('\n'));
}

}  // namespace

TEST_CASE("list: prints each running timer and its effect, and no other timer") {
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
  CHECK(show_text(read<SessionView>(R"({"state":"disconnected","timers":{"dev_loss_ms":1000}})"))
            .find("timers running      erased in 1.0 s\n") != std::string::npos);
}

TEST_CASE("list and show count units that are away and print the reasons") {
  const auto session = read<SessionView>(R"({"name":"a","state":"live","target":"T","luns":[
      {"lun":0,"device":"/dev/nbd0","size_bytes":1024,"wwid":"naa.1","away":null},
      {"lun":1,"device":"/dev/nbd1","size_bytes":2048,"wwid":"naa.2","away":{"code":"not_ready","message":"no medium"}}]})");
  CHECK(list_text({session}) ==
        "a  live, 1 of 2 units away  T\n"
        "    /dev/nbd0  lun 0  1.0 KiB  naa.1\n"
        "    /dev/nbd1  lun 1  2.0 KiB  naa.2\n"
        "        away: no medium\n");
  CHECK(show_text(session).find("\n                    away: no medium\n") != std::string::npos);
  CHECK(away_units_text(session) == "    /dev/nbd1  lun 1  away: no medium\n");
  CHECK(first_line(R"("state":"disconnected","luns":[{"away":{"code":"x","message":"no medium"}}])") ==
        "a  disconnected  T");
}

TEST_CASE("show prints every setting and counter with its name") {
  const auto text = show_text(read<SessionView>(
      R"({"options":{"fence":true,"fence_first_login":false,"retry_count":6,"keepalive_ms":"off","task_management_timeout_ms":2000},
          "counters":{"connects":1,"losses":0,"commands":7,"command_errors":2,"outstanding":3,"read_bytes":2048,"written_bytes":0},
          "negotiated":{"request_limit":128,"max_it_iu_bytes":8260,"immediate_data":true}})"));
  const auto has = [&](const std::string& line) {
    return text.find("\n" + line + "\n") != std::string::npos;
  };
  INFO(text);
  CHECK(has(
      "options             fence on, fence first login off, retry count 6, keepalive off, task management "
      "timeout 2000 ms"));
  CHECK(has(
      "counters            connects 1, losses 0, commands 7, command errors 2, outstanding 3, read 2.0 KiB, "
      "written 0 B"));
  CHECK(has("negotiated          request limit 128, max it iu 8.1 KiB, immediate data on"));
}

TEST_CASE("abort and reset: a line per unit, and success only if all units succeed") {
  const auto answer = read<UnitTaskAnswer>(
      R"({"name":"a","luns":[{"lun":0,"ok":true,"error":null},{"lun":2,"ok":false,"error":{"code":"timed_out","message":"no answer"}}]})");
  CHECK(unit_tasks_text("reset", answer) ==
        "a  lun 0  reset: its requests are sent again\na  lun 2  failed: no answer\n");
  const auto good = read<UnitTaskAnswer>(R"({"name":"a","luns":[{"lun":0,"ok":true}]})");
  CHECK(unit_tasks_text("abort", good) ==
        "a  lun 0  aborted: nothing submitted before is under way any more\n");
}

TEST_CASE("durations are printed with a useful number of digits") {
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

TEST_CASE("connect, list and show name each unit that is not taken, with the reason") {
  const auto session = read<SessionView>(R"({"name":"a","state":"live","target":"T","luns":[
      {"lun":0,"device":"/dev/nbd0","size_bytes":1024,"wwid":"naa.1","away":null}],
      "not_taken":[{"lun":9300000000000000001,"why":{"code":"not_supported","message":"blocks of 520 bytes"}}]})");
  CHECK(list_text({session}) ==
        "a  live, 1 unit not taken  T\n"
        "    /dev/nbd0  lun 0  1.0 KiB  naa.1\n"
        "    (not taken)  lun 9300000000000000001  blocks of 520 bytes\n");
  CHECK(units_text(session) ==
        "/dev/nbd0  lun 0  1.0 KiB  naa.1\n"
        "(not taken)  lun 9300000000000000001  blocks of 520 bytes\n");
  CHECK(show_text(session).find("\nlun 9300000000000000001 not taken: blocks of 520 bytes\n") !=
        std::string::npos);
}
