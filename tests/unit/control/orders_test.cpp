// SPDX-License-Identifier: Apache-2.0
#include "control/orders.hpp"

#include <boost/json/serialize.hpp>

#include "catch2/catch.hpp"

using namespace srp_nbd;

namespace {

template<class AnyOrder>
AnyOrder order(std::string_view line) {
  auto parsed = parse_order(line);
  INFO(line);
  REQUIRE(parsed.has_value());
  REQUIRE(std::holds_alternative<AnyOrder>(*parsed));
  return std::get<AnyOrder>(std::move(*parsed));
}

std::string order_failure(std::string_view line) {
  const auto parsed = parse_order(line);
  return parsed ? "" : parsed.error().code + ": " + parsed.error().message;
}

}  // namespace

TEST_CASE("orders: each command") {
  order<ListOrder>(R"({"command":"list"})");
  CHECK(order<ShowOrder>(R"({"command":"show","name":"s0"})").name == "s0");
  CHECK(order<DisconnectOrder>(R"({"command":"disconnect","name":"s0"})").name == "s0");
  CHECK(order<ReconnectOrder>(R"({"command":"reconnect","name":"s0"})").name == "s0");
  CHECK(order<EraseOrder>(R"({"command":"erase","name":"s0"})").name == "s0");
  CHECK_FALSE(order<TargetOrder>(R"({"command":"target","name":"s0","online":false})").online);
  CHECK(order<AbortOrder>(R"({"command":"abort","name":"s0"})").name == "s0");
  CHECK_FALSE(order<AbortOrder>(R"({"command":"abort","name":"s0"})").lun);
  CHECK(order<ResetOrder>(R"({"command":"reset","name":"s0","lun":3})").lun == 3u);
  CHECK_FALSE(order<EventsOrder>(R"({"command":"events"})").name);
  CHECK(*order<EventsOrder>(R"({"command":"events","name":"s0"})").name == "s0");
  const auto connect = order<ConnectOrder>(
      R"({"command":"connect","target":"ram://64M","luns":[0],"listen":"unix:/tmp/x","keepalive_ms":"off","queue_depth":8})");
  CHECK(connect.session.listen_path == "/tmp/x");
  CHECK(connect.session.options.queue_depth == 8);
  const auto fenced = order<ConnectOrder>(
      R"({"command":"connect","target":"ram://64M","fence":true,"fence_first_login":true,"task_management_timeout_ms":500,"retry_count":2,"ack_timeout_exponent":"16"})");
  CHECK(fenced.session.options.fence_first_login);
  CHECK(fenced.session.options.task_management_timeout.count() == 500);
  CHECK(fenced.session.options.retry_count == 2);
  CHECK(fenced.session.options.ack_timeout_exponent == 16);
}

TEST_CASE("orders: what the client writes is what the daemon reads") {
  for (
      const std::string line : {
          R"({"command":"list"})",
          R"({"command":"erase","name":"s0"})",
          R"({"command":"reset","name":"s0","lun":3})",
          R"({"command":"abort","name":"s0"})",
          R"({"command":"target","name":"s0","online":false})",
          R"({"command":"events"})",
          R"({"command":"connect","target":"ram://64M","luns":[0,3],"keepalive_ms":"off","fence":false,"queue_depth":8})",
      }) {
    const auto parsed = parse_order(line);
    REQUIRE(parsed.has_value());
    CHECK(boost::json::serialize(order_json(*parsed)) == line);
  }
}

TEST_CASE("orders: garbage is answered with an error") {
  CHECK(order_failure("").starts_with("bad_request: not a JSON object"));
  CHECK(order_failure("{").starts_with("bad_request: not a JSON object"));
  CHECK(order_failure("{}  {").ends_with(" at byte 4"));
  CHECK(order_failure(R"({"command":"list",})").ends_with(" at byte 18"));
  CHECK(order_failure("[]").starts_with("bad_request: expected one JSON object"));
  CHECK(order_failure("{}").starts_with("bad_request: command is missing"));
  CHECK(order_failure(R"({"command":7})").starts_with("bad_request: command is missing"));
  CHECK(order_failure(R"({"command":"format"})").starts_with("bad_request: unknown command \"format\""));
  CHECK(order_failure(R"({"command":"show"})").starts_with("bad_request: name is missing"));
  CHECK(order_failure(R"({"command":"show","name":"a b"})").starts_with("bad_request: name: expected"));
  CHECK(order_failure(R"({"command":"list","name":"s0"})").starts_with("bad_request: unknown key \"name\""));
  CHECK(order_failure(R"({"command":"reset"})").starts_with("bad_request: name is missing"));
  CHECK(
      order_failure(R"({"command":"reset","name":"s0","lun":-1})").starts_with("bad_request: lun: expected"));
  CHECK(order_failure(R"({"command":"reset","name":"s0","lun":"0"})")
            .starts_with("bad_request: lun: expected"));
  CHECK(order_failure(R"({"command":"reset","name":"s0","lun":null})")
            .starts_with("bad_request: lun: expected"));
  CHECK(order_failure(R"({"command":"show","name":"s0","lun":0})")
            .starts_with("bad_request: unknown key \"lun\""));
  CHECK(order_failure(R"({"command":"target","name":"s0"})").starts_with("bad_request: online is missing"));
  CHECK(order_failure(R"({"command":"connect"})").starts_with("invalid_argument: target is missing"));
  CHECK(order_failure(R"({"command":"connect","target":{}})")
            .starts_with("invalid_argument: target: expected"));
  CHECK(order_failure(R"({"command":"connect","target":"ram://1M","queue_depth":18446744073709551615})")
            .starts_with("invalid_argument: queue_depth"));
  CHECK(order_failure(R"({"command":"connect","target":"ram://1M","fence":"off"})")
            .starts_with("invalid_argument: fence: expected true or false"));
  CHECK(order_failure(R"({"command":"connect","target":"ram://1M","fence":false,"fence_first_login":true})")
            .starts_with("invalid_argument: "));
  CHECK(order_failure(R"({"command":"connect","target":"ram://1M","retry_count":7})")
            .starts_with("invalid_argument: retry_count: expected"));
  CHECK(order_failure(std::string(1000, '[')).starts_with("bad_request: not a JSON object"));
}

TEST_CASE("answers: their members and success") {
  CHECK(boost::json::serialize(answer_json(DoneAnswer{})) == R"({"ok":true})");
  CHECK(boost::json::serialize(answer_json(DisconnectAnswer{12.5})) ==
        R"({"ok":true,"disconnect_us":1.25E1})");
  CHECK(boost::json::serialize(answer_json(ConnectingAnswer{{"s0", "connecting"}})) ==
        R"({"ok":true,"session":{"name":"s0","state":"connecting"}})");
  CHECK(boost::json::serialize(answer_json(Failure{"busy", "x"})) ==
        R"({"ok":false,"error":{"code":"busy","message":"x"}})");
}
