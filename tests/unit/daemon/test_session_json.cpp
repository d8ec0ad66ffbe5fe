// SPDX-License-Identifier: Apache-2.0
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "catch2/catch.hpp"
#include "daemon/session_json.hpp"

using namespace srp_nbd;
namespace json = boost::json;

TEST_CASE("session JSON: who disconnected") {
  SessionView view;
  view.target = *srpi::parse_target("ram://64M");
  const auto by = [&](srpi::SessionState state, bool by_administrator) {
    view.status.state = state;
    view.status.by_administrator = by_administrator;
    return json::serialize(to_json(view).at("by"));
  };
  CHECK(by(srpi::SessionState::live, false) == "null");
  CHECK(by(srpi::SessionState::recovering, false) == "\"fault\"");
  CHECK(by(srpi::SessionState::disconnected, false) == "\"fault\"");
  CHECK(by(srpi::SessionState::disconnected, true) == "\"administrator\"");
}

TEST_CASE("session JSON: our port id, which is not known before a login was tried") {
  SessionView view;
  view.target = *srpi::parse_target("ram://64M");
  CHECK(to_json(view).at("initiator_port_id").is_null());
  view.status.initiator_port_id = srpi::PortId::make(1, 2);
  CHECK(to_json(view).at("initiator_port_id").as_string() == "00000000000000010000000000000002");
}

TEST_CASE("session JSON: units, running timers and the last error") {
  SessionView view;
  view.name = "s0";
  view.target = *srpi::parse_target("ram://64M");
  view.status.next_attempt_in = srpi::Milliseconds(250);
  view.status.last_error = {srpi::Errc::refused, "nobody listens"};
  view.status.last_teardown_duration = std::chrono::nanoseconds(12500);
  PublishedUnit unit;
  unit.info.lun = 3;
  unit.info.blocks = 2048;
  unit.device = "/dev/nbd0";
  view.units.push_back(unit);
  const auto object = to_json(view);
  CHECK(object.at("name").as_string() == "s0");
  CHECK(object.at("timers").at("next_attempt_ms").as_int64() == 250);
  CHECK(object.at("timers").at("dev_loss_ms").is_null());
  CHECK(object.at("options").at("dev_loss_ms").as_string() == "off");
  CHECK(object.at("last_error").at("code").as_string() == "refused");
  CHECK(object.at("last_disconnect_us").as_double() == 12.5);
  const auto& lun = object.at("luns").at(0);
  CHECK(lun.at("lun").as_uint64() == 3);
  CHECK(lun.at("size_bytes").as_uint64() == 2048 * 512);
  CHECK(lun.at("device").as_string() == "/dev/nbd0");
  CHECK(lun.at("export").is_null());
}

TEST_CASE("session JSON: why a unit is away, or null") {
  PublishedUnit unit;
  CHECK(to_json(unit).at("away").is_null());
  unit.info.away = {srpi::Errc::not_ready, "no medium"};
  CHECK(to_json(unit).at("away").at("code").as_string() == "not_ready");
  CHECK(to_json(unit).at("away").at("message").as_string() == Failure(unit.info.away).message);
}

TEST_CASE("session JSON: channels, and why one is missing") {
  SessionView view;
  view.target = *srpi::parse_target("ram://64M");
  CHECK(to_json(view).at("channels").at("error").is_null());
  view.options.channels = 4;
  view.status.channels_wanted = 4;
  view.status.channels_live = 3;
  view.status.channel_losses = 2;
  view.status.channel_error = {srpi::Errc::login_rejected, "no more"};
  const auto object = to_json(view);
  CHECK(object.at("options").at("channels").to_number<int>() == 4);
  CHECK(object.at("channels").at("wanted").to_number<int>() == 4);
  CHECK(object.at("channels").at("live").to_number<int>() == 3);
  CHECK(object.at("channels").at("lost").to_number<int>() == 2);
  CHECK(object.at("channels").at("error").at("code").as_string() == "login_rejected");
}

TEST_CASE("session JSON: the fence, task management and the transport's patience are among the options") {
  SessionView view;
  view.target = *srpi::parse_target("ram://64M");
  view.options.fence_first_login = true;
  view.options.task_management_timeout = srpi::Milliseconds(700);
  view.options.retry_count = 3;
  view.options.ack_timeout_exponent = 15;
  const auto object = to_json(view);
  const auto& options = object.at("options");
  CHECK(options.at("fence").as_bool());
  CHECK(options.at("fence_first_login").as_bool());
  CHECK(options.at("task_management_timeout_ms").to_number<int>() == 700);
  CHECK(options.at("retry_count").to_number<int>() == 3);
  CHECK(options.at("ack_timeout_exponent").to_number<int>() == 15);
}

TEST_CASE("failures: codes decide the exit code") {
  CHECK(exit_code_of("login_rejected") == ExitCode::failed);
  CHECK(exit_code_of("invalid_argument") == ExitCode::usage);
  CHECK(exit_code_of("bad_config") == ExitCode::usage);
  CHECK(exit_code_of("no_daemon") == ExitCode::no_daemon);
  CHECK(exit_code_of("no_such_session") == ExitCode::no_such_session);
  CHECK(exit_code_of("permission_denied") == ExitCode::permission);
  CHECK(json::serialize(to_json(Failure{"busy", "x"})) ==
        R"({"ok":false,"error":{"code":"busy","message":"x"}})");
}
