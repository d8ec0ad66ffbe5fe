// SPDX-License-Identifier: Apache-2.0
#include "catch2/catch.hpp"
#include "daemon/control_request.hpp"

using namespace srp_nbd;
using Command = ControlRequest::Command;

namespace {

std::string request_failure(std::string_view line) {
  const auto request = parse_control_request(line);
  return request ? "" : request.error().code + ": " + request.error().message;
}

}  // namespace

TEST_CASE("control request: each command") {
  CHECK(parse_control_request(R"({"command":"list"})")->command == Command::list);
  CHECK(parse_control_request(R"({"command":"show","name":"s0"})")->name == "s0");
  CHECK(parse_control_request(R"({"command":"disconnect","name":"s0"})")->command == Command::disconnect);
  CHECK(parse_control_request(R"({"command":"reconnect","name":"s0"})")->command == Command::reconnect);
  CHECK(parse_control_request(R"({"command":"erase","name":"s0"})")->command == Command::erase);
  CHECK_FALSE(parse_control_request(R"({"command":"target","name":"s0","online":false})")->online);
  CHECK(parse_control_request(R"({"command":"abort","name":"s0"})")->command == Command::abort);
  CHECK_FALSE(parse_control_request(R"({"command":"abort","name":"s0"})")->lun);
  CHECK(parse_control_request(R"({"command":"reset","name":"s0","lun":3})")->command == Command::reset);
  CHECK(parse_control_request(R"({"command":"reset","name":"s0","lun":3})")->lun == 3);
  CHECK(parse_control_request(R"({"command":"events"})")->command == Command::events);
  CHECK(parse_control_request(R"({"command":"events","name":"s0"})")->name == "s0");
  const auto connect = parse_control_request(
      R"({"command":"connect","target":"ram://64M","luns":[0],"listen":"unix:/tmp/x","keepalive_ms":"off","queue_depth":8})");
  REQUIRE(connect.has_value());
  CHECK(connect->session.listen_path == "/tmp/x");
  CHECK(connect->session.options.queue_depth == 8);
  const auto fenced = parse_control_request(
      R"({"command":"connect","target":"ram://64M","fence":true,"fence_first_login":true,"task_management_timeout_ms":500,"retry_count":2,"ack_timeout_exponent":"16"})");
  REQUIRE(fenced.has_value());
  CHECK(fenced->session.options.fence_first_login);
  CHECK(fenced->session.options.task_management_timeout.count() == 500);
  CHECK(fenced->session.options.retry_count == 2);
  CHECK(fenced->session.options.ack_timeout_exponent == 16);
}

TEST_CASE("control request: garbage is answered in words") {
  CHECK(request_failure("").starts_with("bad_request: not a JSON object"));
  CHECK(request_failure("{").starts_with("bad_request: not a JSON object"));
  CHECK(request_failure("{}  {").ends_with(" at byte 4"));
  CHECK(request_failure(R"({"command":"list",})").ends_with(" at byte 18"));
  CHECK(request_failure("[]").starts_with("bad_request: expected one JSON object"));
  CHECK(request_failure("{}").starts_with("bad_request: command is missing"));
  CHECK(request_failure(R"({"command":7})").starts_with("bad_request: command is missing"));
  CHECK(request_failure(R"({"command":"format"})").starts_with("bad_request: unknown command \"format\""));
  CHECK(request_failure(R"({"command":"show"})").starts_with("bad_request: name is missing"));
  CHECK(request_failure(R"({"command":"show","name":"a b"})").starts_with("bad_request: name: expected"));
  CHECK(
      request_failure(R"({"command":"list","name":"s0"})").starts_with("bad_request: unknown key \"name\""));
  CHECK(request_failure(R"({"command":"reset"})").starts_with("bad_request: name is missing"));
  CHECK(request_failure(R"({"command":"reset","name":"s0","lun":-1})")
            .starts_with("bad_request: lun: expected"));
  CHECK(request_failure(R"({"command":"reset","name":"s0","lun":"0"})")
            .starts_with("bad_request: lun: expected"));
  CHECK(request_failure(R"({"command":"show","name":"s0","lun":0})")
            .starts_with("bad_request: unknown key \"lun\""));
  CHECK(request_failure(R"({"command":"target","name":"s0"})").starts_with("bad_request: online is missing"));
  CHECK(request_failure(R"({"command":"connect"})").starts_with("invalid_argument: target is missing"));
  CHECK(request_failure(R"({"command":"connect","target":{}})")
            .starts_with("invalid_argument: target: expected"));
  CHECK(request_failure(R"({"command":"connect","target":"ram://1M","queue_depth":18446744073709551615})")
            .starts_with("invalid_argument: queue_depth"));
  CHECK(request_failure(R"({"command":"connect","target":"ram://1M","fence":"off"})")
            .starts_with("invalid_argument: fence: expected true or false"));
  CHECK(request_failure(R"({"command":"connect","target":"ram://1M","fence":false,"fence_first_login":true})")
            .starts_with("invalid_argument: "));
  CHECK(request_failure(R"({"command":"connect","target":"ram://1M","retry_count":7})")
            .starts_with("invalid_argument: retry_count: expected"));
  CHECK(request_failure(std::string(1000, '[')).starts_with("bad_request: not a JSON object"));
}
