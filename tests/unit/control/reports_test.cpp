// SPDX-License-Identifier: Apache-2.0
#include "control/reports.hpp"

#include <boost/json/serialize.hpp>

#include "catch2/catch.hpp"

using namespace srp_nbd;
namespace json = boost::json;

namespace {

struct Session {
  [[nodiscard]] SessionView view(bool is_stale = false) const {
    return make_session_view("s0", target, status, options, is_stale);
  }
  [[nodiscard]] json::object json() const { return to_json(view()).as_object(); }

  srpi::Target target = *srpi::parse_target("ram://64M");
  srpi::SessionStatus status;
  srpi::SessionOptions options;
};

}  // namespace

TEST_CASE("session JSON: `by` tells who disconnected") {
  Session session;
  const auto by = [&](srpi::SessionState state, bool by_administrator) {
    session.status.state = state;
    session.status.by_administrator = by_administrator;
    return json::serialize(session.json().at("by"));
  };
  CHECK(by(srpi::SessionState::live, false) == "null");
  CHECK(by(srpi::SessionState::recovering, false) == "\"fault\"");
  CHECK(by(srpi::SessionState::disconnected, false) == "\"fault\"");
  CHECK(by(srpi::SessionState::disconnected, true) == "\"administrator\"");
}

TEST_CASE("session JSON: our port id is null before the first login") {
  Session session;
  CHECK(session.json().at("initiator_port_id").is_null());
  session.status.initiator_port_id = srpi::PortId::make(1, 2);
  CHECK(session.json().at("initiator_port_id").as_string() == "00000000000000010000000000000002");
}

TEST_CASE("session JSON: running timers and the last error") {
  Session session;
  session.status.next_attempt_in = srpi::Milliseconds(250);
  session.status.last_error = {srpi::Errc::refused, "nobody listens"};
  session.status.last_teardown_duration = std::chrono::nanoseconds(12500);
  const auto object = session.json();
  CHECK(object.at("name").as_string() == "s0");
  CHECK(object.at("timers").at("next_attempt_ms").as_int64() == 250);
  CHECK(object.at("timers").at("dev_loss_ms").is_null());
  CHECK(object.at("options").at("dev_loss_ms").as_string() == "off");
  CHECK(object.at("last_error").at("code").as_string() == "refused");
  CHECK(object.at("last_disconnect_us").as_double() == 12.5);
  CHECK(object.at("stale") == false);
  CHECK(session.view(true).stale);
  CHECK_FALSE(session.view(true).timers.next_attempt_ms);  // says nothing about now
}

TEST_CASE("session JSON: a unit, its device or export, and why it is away") {
  srpi::LogicalUnitInfo info;
  info.lun = 3;
  info.blocks = 2048;
  auto unit = make_unit_view(info);
  unit.device = "/dev/nbd0";
  const auto object = to_json(unit);
  CHECK(object.at("lun").as_uint64() == 3);
  CHECK(object.at("size_bytes").as_uint64() == 2048 * 512);
  CHECK(object.at("device").as_string() == "/dev/nbd0");
  CHECK(object.at("export").is_null());
  CHECK(object.at("away").is_null());
  info.away = {srpi::Errc::not_ready, "no medium"};
  const auto away = to_json(make_unit_view(info)).at("away");
  CHECK(away.at("code").as_string() == "not_ready");
  CHECK(away.at("message").as_string() == Failure(info.away).message);
}

TEST_CASE("session JSON: channels, and why one is missing") {
  Session session;
  CHECK(session.json().at("channels").at("error").is_null());
  session.options.channels = 4;
  session.status.channels_wanted = 4;
  session.status.channels_live = 3;
  session.status.channel_losses = 2;
  session.status.channel_error = {srpi::Errc::login_rejected, "no more"};
  const auto object = session.json();
  CHECK(object.at("options").at("channels").to_number<int>() == 4);
  CHECK(object.at("channels").at("wanted").to_number<int>() == 4);
  CHECK(object.at("channels").at("live").to_number<int>() == 3);
  CHECK(object.at("channels").at("lost").to_number<int>() == 2);
  CHECK(object.at("channels").at("error").at("code").as_string() == "login_rejected");
}

TEST_CASE("session JSON: the options that are settings, each by its key") {
  Session session;
  session.options.fence_first_login = true;
  session.options.task_management_timeout = srpi::Milliseconds(700);
  session.options.retry_count = 3;
  const auto object = session.json();
  const auto& options = object.at("options").as_object();
  CHECK(options.at("fence").as_bool());
  CHECK(options.at("fence_first_login").as_bool());
  CHECK(options.at("task_management_timeout_ms").to_number<int>() == 700);
  CHECK(options.at("retry_count").to_number<int>() == 3);
  for (const auto* key : {"connect_timeout_ms", "command_timeout_ms", "keepalive_ms", "reconnect_delay_ms",
                          "fast_io_fail_ms", "channels", "queue_depth", "ack_timeout_exponent"})
    CHECK(options.contains(key));
  for (const auto* key : {"luns", "initiator_ext", "wait", "descriptors"}) CHECK_FALSE(options.contains(key));
}

TEST_CASE("session JSON: a client reads what the daemon writes") {
  Session session;
  session.status.commands = 7;
  session.status.channel_error = {srpi::Errc::busy, "x"};
  const auto written = to_json(session.view());
  SessionView read;
  REQUIRE(JsonReader(Reading::answer).read(written, read));
  CHECK(to_json(read) == written);
}

TEST_CASE("failures: codes decide the exit code") {
  CHECK(exit_code_of("login_rejected") == ExitCode::failed);
  CHECK(exit_code_of("invalid_argument") == ExitCode::usage);
  CHECK(exit_code_of("bad_config") == ExitCode::usage);
  CHECK(exit_code_of("no_daemon") == ExitCode::no_daemon);
  CHECK(exit_code_of("no_such_session") == ExitCode::no_such_session);
  CHECK(exit_code_of("permission_denied") == ExitCode::permission);
}
