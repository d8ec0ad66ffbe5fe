// SPDX-License-Identifier: Apache-2.0
#include "catch2/catch.hpp"
#include "daemon/config.hpp"
#include "test/one_more_option.hpp"

using namespace srp_nbd;

namespace {

std::string config_failure(std::string_view text) {
  const auto config = parse_config(text, "test.toml");
  return config ? "" : config.error().message;
}

}  // namespace

TEST_CASE("config: an empty file means a daemon without sessions") {
  const auto config = parse_config("", "test.toml");
  REQUIRE(config.has_value());
  CHECK(config->sessions.empty());
  CHECK(config->log_level == "info");
}

TEST_CASE("config: sessions and the daemon's keys") {
  const auto config = parse_config(R"(
control = "/run/x/control.sock"
log_level = "debug"
[[session]]
name = "a"
target = "ram://64M"
listen = "unix:/tmp/a.sock"
luns = [0]
keepalive_ms = "off"
[[session]]
target = "ram://32M"
fence = true
fence_first_login = true
task_management_timeout_ms = 500
retry_count = 2
ack_timeout_exponent = 16
)",
                                   "test.toml");
  REQUIRE(config.has_value());
  CHECK(config->control_path == "/run/x/control.sock");
  CHECK(config->log_level == "debug");
  REQUIRE(config->sessions.size() == 2);
  CHECK(config->sessions[0].name == "a");
  CHECK(config->sessions[0].listen_path == "/tmp/a.sock");
  CHECK_FALSE(config->sessions[0].wait);
  CHECK(config->sessions[1].name.empty());
  const auto& options = config->sessions[1].options;
  CHECK(options.fence_first_login);
  CHECK(options.task_management_timeout.count() == 500);
  CHECK(options.retry_count == 2);
  CHECK(options.ack_timeout_exponent == 16);
}

TEST_CASE("config: every error names file, line and column") {
  CHECK(config_failure("nonsense").starts_with("test.toml:1:"));
  CHECK(config_failure("\ncolour = 1").starts_with("test.toml:2:1: unknown key \"colour\""));
  CHECK(config_failure("log_level = \"loud\"").starts_with("test.toml:1:13: log_level"));
  CHECK(config_failure("control = 7").starts_with("test.toml:1:11: control"));
  CHECK(config_failure("control = \"a\"\ncontrol = \"b\"").starts_with("test.toml:2:"));
  CHECK(config_failure("[session]\ntarget = \"ram://1M\"").find("double brackets") != std::string::npos);
  CHECK(config_failure("session = [1]").find("double brackets") != std::string::npos);
  CHECK(config_failure("[[session]]\nname = \"a\"").starts_with("test.toml:1:1: target is missing"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nqueue_depth = 99999999999999999999")
            .starts_with("test.toml:3:"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nqueue_depth = 0")
            .starts_with("test.toml:3:1: queue_depth"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nspeed = 1")
            .starts_with("test.toml:3:1: unknown key \"speed\""));
  CHECK(
      config_failure("[[session]]\ntarget = \"ram://1M\"\nluns = [0.5]").starts_with("test.toml:3:8: luns"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nretry_count = 7")
            .starts_with("test.toml:3:1: retry_count: expected a number from 0 to 6, got 7"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nack_timeout_exponent = 1.5")
            .starts_with("test.toml:3:24: ack_timeout_exponent"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nfence = \"off\"")
            .starts_with("test.toml:3:1: fence: expected true or false"));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nfence = false\nfence_first_login = true")
            .starts_with("test.toml:1:1: "));
  CHECK(config_failure("[[session]]\ntarget = \"ram://1M\"\nwait = true").starts_with("test.toml:3:1: wait"));
}

TEST_CASE("config: repeated names, sockets and devices are refused") {
  const std::string one = "[[session]]\ntarget = \"ram://1M\"\n";
  CHECK(config_failure(one + "name = \"a\"\n" + one + "name = \"a\"")
            .starts_with("test.toml:4:1: the name \"a\" is already taken by the session in line 1"));
  CHECK(config_failure(one + "device = \"/dev/nbd1\"\n" + one + "device = \"/dev/nbd1\"")
            .starts_with("test.toml:4:1: /dev/nbd1"));
  CHECK(config_failure(one + "device = {0 = \"/dev/nbd2\", 1 = \"/dev/nbd1\"}\n" + one +
                       "device = \"/dev/nbd1\"")
            .starts_with("test.toml:4:1: /dev/nbd1"));
  CHECK(config_failure(one + "listen = \"unix:/a\"\n" + one + "listen = \"unix:/a\"")
            .starts_with("test.toml:4:1: /a"));
}

TEST_CASE("config: size and number of sessions are limited") {
  CHECK(config_failure(std::string((1 << 20) + 1, '#')).find("more than 1048576 bytes") != std::string::npos);
  std::string many;
  for (int i = 0; i < 257; ++i) many += "[[session]]\ntarget = \"ram://1M\"\n";
  CHECK(config_failure(many).find("more than 256 sessions") != std::string::npos);
}

TEST_CASE("config: the error of a missing file names it") {
  const auto config = load_config("/nonexistent/srp-nbd.toml");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().message == "/nonexistent/srp-nbd.toml: cannot be read: No such file or directory");
}

TEST_CASE("config: one more option in the table is one more key") {
  const std::string text = "[[session]]\ntarget = \"ram://1M\"\nmax_transfer_bytes = 65536\n";
  CHECK(config_failure(text).starts_with("test.toml:3:1: unknown key \"max_transfer_bytes\""));
  const auto config = parse_config(text, "test.toml", one_more_option());
  REQUIRE(config.has_value());
  CHECK(config->sessions[0].options.max_transfer_bytes == 65536);
}
