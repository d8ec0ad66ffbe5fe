// SPDX-License-Identifier: Apache-2.0
#include "control/option.hpp"

#include <boost/json/parse.hpp>

#include "catch2/catch.hpp"
#include "control/orders.hpp"
#include "test/one_more_option.hpp"

using namespace srp_nbd;

namespace {

std::string failure_of(std::string_view key, const OptionValue& value) {
  SessionRequest request;
  const auto outcome = set_option(request, key, value);
  return outcome ? "" : outcome.error().message;
}

}  // namespace

TEST_CASE("session fields: every good value is accepted") {
  SessionRequest request;
  const std::pair<std::string_view, OptionValue> fields[] = {
      {"target", "ram://64M"},
      {"name", "store-1"},
      {"luns", std::vector<std::uint64_t>{0, 3}},
      {"device", "/dev/nbd12"},
      {"initiator_ext", "0xdeadbeef"},
      {"initiator_port_id", "00112233445566778899aabbccddeeff"},
      {"channels", std::int64_t{4}},
      {"queue_depth", std::int64_t{64}},
      {"connect_timeout_ms", "1500"},
      {"command_timeout_ms", std::int64_t{2000}},
      {"keepalive_ms", "off"},
      {"reconnect_delay_ms", "off"},
      {"fast_io_fail_ms", std::int64_t{0}},
      {"dev_loss_ms", std::int64_t{60000}},
      {"task_management_timeout_ms", std::int64_t{700}},
      {"retry_count", "3"},
      {"ack_timeout_exponent", std::int64_t{15}},
      {"fence", true},
      {"fence_first_login", true},
      {"wait", false},
  };
  for (const auto& [key, value] : fields) {
    INFO(key);
    CHECK(set_option(request, key, value).has_value());
  }
  CHECK(request.name == "store-1");
  CHECK(request.options.luns == std::vector<std::uint64_t>{0, 3});
  CHECK(request.devices == DeviceIndices{{std::nullopt, 12}});
  CHECK(request.options.initiator_ext == 0xdeadbeefu);
  CHECK(request.options.channels == 4);
  CHECK(request.options.queue_depth == 64);
  CHECK(request.options.connect_timeout.count() == 1500);
  CHECK_FALSE(request.options.keepalive.has_value());
  CHECK_FALSE(request.options.reconnect_delay.has_value());
  CHECK(request.options.dev_loss->count() == 60000);
  CHECK(request.options.task_management_timeout.count() == 700);
  CHECK(request.options.retry_count == 3);
  CHECK(request.options.ack_timeout_exponent == 15);
  CHECK(request.options.fence);
  CHECK(request.options.fence_first_login);
  REQUIRE(set_option(request, "fence", false).has_value());
  CHECK_FALSE(request.options.fence);
  REQUIRE(set_option(request, "fence", true).has_value());
  CHECK_FALSE(request.wait);
  CHECK(check_request(request).has_value());
}

TEST_CASE("session fields: the error of a bad value has the key, the expected and the given value") {
  CHECK(failure_of("connect_timeout_ms", "soon") ==
        "connect_timeout_ms: expected milliseconds from 100 to 86400000, got \"soon\"");
  CHECK(failure_of("connect_timeout_ms", "off").find("got \"off\"") != std::string::npos);
  CHECK(failure_of("keepalive_ms", std::int64_t{-1}).find(", or off, got -1") != std::string::npos);
  CHECK(failure_of("channels", std::int64_t{17}).find("1 to 16, got 17") != std::string::npos);
  CHECK(failure_of("queue_depth", std::int64_t{0}).find("1 to 4096, got 0") != std::string::npos);
  CHECK(failure_of("queue_depth", "99999999999999999999").find("1 to 4096") != std::string::npos);
  CHECK(failure_of("task_management_timeout_ms", std::int64_t{99}).find("milliseconds from 100") !=
        std::string::npos);
  CHECK(failure_of("task_management_timeout_ms", "off").find("got \"off\"") != std::string::npos);
  CHECK(failure_of("retry_count", std::int64_t{7}) == "retry_count: expected a number from 0 to 6, got 7");
  CHECK(failure_of("retry_count", std::int64_t{-1}).find("got -1") != std::string::npos);
  CHECK(failure_of("retry_count", std::int64_t{256}).find("got 256") != std::string::npos);
  CHECK(failure_of("ack_timeout_exponent", std::int64_t{0}).find("1 to 31, got 0") != std::string::npos);
  CHECK(failure_of("ack_timeout_exponent", "fast").find("1 to 31, got \"fast\"") != std::string::npos);
  CHECK(failure_of("fence", "off") == "fence: expected true or false, got \"off\"");
  CHECK(failure_of("fence_first_login", std::int64_t{1}) ==
        "fence_first_login: expected true or false, got 1");
  CHECK(failure_of("luns", std::vector<std::uint64_t>{1, 1}).find("1 twice") != std::string::npos);
  CHECK(failure_of("luns", std::vector<std::uint64_t>{~0ull}).find("18446744073709551615") !=
        std::string::npos);
  CHECK(failure_of("luns", std::vector<std::uint64_t>(257, 0)).find("257 numbers") != std::string::npos);
  for (const char* device :
       {"", "nbd0", "/dev/nbd", "/dev/nbd-1", "/dev/nbd0p1", "/dev/nbd70000", "/dev/sda", "0=", "=/dev/nbd0",
        "x=/dev/nbd0", "-1=/dev/nbd0", "18446744073709551616=/dev/nbd0", "/dev/nbd0,1=/dev/nbd1",
        "0=/dev/nbd0,", "0=/dev/nbd0,0=/dev/nbd1", "0=/dev/nbd0,1=/dev/nbd0"}) {
    INFO(device);
    CHECK(failure_of("device", device).find("expected /dev/nbdN") != std::string::npos);
  }
  CHECK(failure_of("listen", "unix:relative").find("unix:/PATH") != std::string::npos);
  CHECK(failure_of("listen", "unix:/" + std::string(120, 'x')).find("at most 107") != std::string::npos);
  CHECK(failure_of("initiator_ext", "0x").find("hex digits") != std::string::npos);
  CHECK(failure_of("initiator_ext", "11112222333344445").find("hex digits") != std::string::npos);
  CHECK(failure_of("initiator_port_id", "1234").find("32 hex digits") != std::string::npos);
  CHECK(failure_of("target", "http://x").starts_with("target: "));
  CHECK(failure_of("wait", "yes").find("true or false") != std::string::npos);
  CHECK(failure_of("colour", "blue").starts_with("unknown key \"colour\": expected one of target, name,"));
}

TEST_CASE("device: one for a single unit, or one for each LUN, as a text or a table") {
  SessionRequest request;
  const DeviceIndices two{{0, 5}, {18446744073709551615u, 3}};
  REQUIRE(set_option(request, "device", "0=/dev/nbd5,18446744073709551615=/dev/nbd3").has_value());
  CHECK(request.devices == two);
  const auto table = boost::json::parse(R"({"18446744073709551615": "/dev/nbd3", "0": "/dev/nbd5"})");
  request.devices.clear();
  REQUIRE(set_option(request, "device", option_value(table, find_option(options(), "device")).value())
              .has_value());
  CHECK(request.devices == two);
  CHECK_FALSE(option_value(boost::json::parse(R"({"0": 5})"), find_option(options(), "device")).has_value());
  CHECK_FALSE(option_value(table, find_option(options(), "name")).has_value());
}

TEST_CASE("session request: missing and contradictory fields are refused") {
  SessionRequest request;
  CHECK(check_request(request).error().message.starts_with("target is missing"));
  REQUIRE(set_option(request, "target", "ram://64M").has_value());
  REQUIRE(set_option(request, "device", "/dev/nbd0").has_value());
  REQUIRE(set_option(request, "listen", "unix:/tmp/s").has_value());
  CHECK(check_request(request).error().message.starts_with("device and listen exclude each other"));
}

TEST_CASE(
    "session request: the errors of rules between options name both, also with parameters of a login "
    "string") {
  const auto refusal = [](std::initializer_list<std::pair<std::string_view, OptionValue>> fields) {
    SessionRequest request;
    for (const auto& [key, value] : fields) REQUIRE(set_option(request, key, value).has_value());
    const auto outcome = check_request(request);
    return outcome ? "" : outcome.error().message;
  };
  const std::pair<std::string_view, OptionValue> target{"target", "ram://1M"};
  CHECK(refusal({target, {"fence_first_login", true}}).empty());
  CHECK(refusal({target, {"fence", false}}).empty());
  CHECK(refusal({target, {"fence", false}, {"fence_first_login", true}})
            .find("fence_first_login is on, but fence is off") != std::string::npos);
  CHECK(refusal({target, {"ack_timeout_exponent", std::int64_t{18}}, {"retry_count", std::int64_t{6}}})
            .empty());
  CHECK(refusal({target, {"ack_timeout_exponent", std::int64_t{19}}, {"retry_count", std::int64_t{6}}})
            .find("ack_timeout_exponent 19 and retry_count 6") != std::string::npos);
  // 4.096 us * 2^19 * 3 tries are 6.4 s, less than command_timeout; with the login string's 7 they are not.
  const std::string login = "id_ext=1,ioc_guid=2,dest=192.0.2.1:5555";
  CHECK(refusal(
            {{"target", login}, {"ack_timeout_exponent", std::int64_t{19}}, {"retry_count", std::int64_t{2}}})
            .empty());
  CHECK(refusal({{"target", login + ",tl_retry_count=7"},
                 {"ack_timeout_exponent", std::int64_t{19}},
                 {"retry_count", std::int64_t{2}}})
            .find("retry_count 6") != std::string::npos);
}

TEST_CASE("session names: letters, digits and some other characters") {
  CHECK(is_valid_name("s0"));
  CHECK(is_valid_name("rack-1.store_2:a"));
  for (const char* name : {"", ".", "..", "a b", "a/b", "ä"}) {
    INFO(name);
    CHECK_FALSE(is_valid_name(name));
  }
  CHECK(is_valid_name(std::string(64, 'a')));
  CHECK_FALSE(is_valid_name(std::string(65, 'a')));
}

TEST_CASE("one more option in the table: orders, reports and the manual have it") {
  const auto& table = one_more_option();
  const auto line = R"({"command":"connect","target":"ram://1M","max_transfer_bytes":65536})";
  CHECK_FALSE(parse_order(line).has_value());
  const auto order = parse_order(line, table);
  REQUIRE(order.has_value());
  const auto& session = std::get<ConnectOrder>(*order).session;
  CHECK(session.options.max_transfer_bytes == 65536);

  const auto shown = settings_of(session.options, table);
  CHECK(shown.at("max_transfer_bytes") == 65536);
  CHECK_FALSE(settings_of(session.options).contains("max_transfer_bytes"));

  CHECK(options_manual(table).find(
            "| `--max-transfer-bytes N` | `max_transfer_bytes` | Largest transfer of one "
            "command | 4096 to 67108864 | `1048576` |\n") != std::string::npos);
  SessionRequest request;
  CHECK(set_option(request, "max_transfer_bytes", std::int64_t{1}, table).error().message ==
        "max_transfer_bytes: expected a number of bytes from 4096 to 67108864, got 1");
}

TEST_CASE("the options that differ between two requests are named by their keys") {
  const auto request = [](std::initializer_list<std::pair<const char*, OptionValue>> options) {
    SessionRequest result;
    for (const auto& [key, value] : options) REQUIRE(set_option(result, key, value).has_value());
    REQUIRE(check_request(result).has_value());
    return result;
  };
  const auto one = request({{"target", "ram://8M"}, {"listen", "unix:/a"}});
  CHECK(differing_keys(one, one).empty());
  CHECK(differing_keys(one, request({{"target", "ram://8M"}, {"listen", "unix:/a"}, {"name", "x"}})).empty());
  CHECK(differing_keys(one, request({{"target", "ram://9M"}, {"device", "/dev/nbd1"}, {"queue_depth", 7}})) ==
        std::vector<std::string>{"target", "device", "listen", "queue_depth"});
}
