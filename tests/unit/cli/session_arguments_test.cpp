// SPDX-License-Identifier: Apache-2.0
#include "catch2/catch.hpp"
#include "cli/command_line.hpp"
#include "cli/session_text.hpp"
#include "test/one_more_option.hpp"

using namespace srp_nbd;

namespace {

struct Command {
  explicit Command(SessionUse use = SessionUse::connect, const OptionTable& t = options()) : table(t) {
    add_session_arguments(app, use, table);
  }
  Outcome<ConnectOrder> parse(const std::string& words, const std::string& target = {}) {
    app.parse(words);
    return session_order(app, target, table);
  }
  std::string failure(const std::string& words) {
    const auto order = parse(words);
    return order ? "" : order.error().message;
  }

  CLI::App app;
  const OptionTable& table;
};

}  // namespace

TEST_CASE("session arguments: the order has exactly the given options") {
  const auto order =
      Command().parse("ram://64M --lun 0 --lun 3 --keepalive off --queue-depth 8 --no-fence --no-wait");
  REQUIRE(order.has_value());
  CHECK(boost::json::value(order_json(*order)) == boost::json::value({{"command", "connect"},
                                                                      {"target", "ram://64M"},
                                                                      {"wait", false},
                                                                      {"luns", {0, 3}},
                                                                      {"queue_depth", "8"},
                                                                      {"keepalive_ms", "off"},
                                                                      {"fence", false}}));
  CHECK(order->session.options.queue_depth == 8);
  CHECK_FALSE(order->session.options.fence);
  CHECK_FALSE(order->session.wait);
}

TEST_CASE("session arguments: each unit may have a device") {
  const auto order = Command().parse("--device 0=/dev/nbd4 ram://64M --device 3=/dev/nbd2");
  REQUIRE(order.has_value());
  CHECK(order->session.devices == DeviceIndices{{0, 4}, {3, 2}});
  CHECK(order_json(*order).at("device") == "0=/dev/nbd4,3=/dev/nbd2");
}

TEST_CASE("session arguments: a failure names the option as it was given") {
  CHECK(Command().failure("ram://1M --connect-timeout soon") ==
        "--connect-timeout: expected milliseconds from 100 to 86400000, got \"soon\"");
  CHECK(Command().failure("http://nowhere").starts_with("TARGET: invalid argument: target address"));
  CHECK(Command()
            .failure("ram://1M --lun 18446744073709551615")
            .starts_with("--lun: expected a list of up to 256"));
}

TEST_CASE("session arguments: sync has no name and no device, run does not wait") {
  CHECK(Command(SessionUse::sync).parse("--queue-depth 8", "ram://1M")->session.options.queue_depth == 8);
  CHECK_THROWS_AS(Command(SessionUse::sync).parse("--name a", "ram://1M"), CLI::ExtrasError);
  CHECK_THROWS_AS(Command(SessionUse::sync).parse("--device /dev/nbd0", "ram://1M"), CLI::ExtrasError);
  CHECK_THROWS_AS(Command(SessionUse::run).parse("ram://1M --no-wait"), CLI::ExtrasError);
}

TEST_CASE("session arguments: one more option in the table is one more argument, with help, and is shown") {
  Command command(SessionUse::connect, one_more_option());
  CHECK(command.app.help().find("--max-transfer-bytes N") != std::string::npos);
  CHECK(command.app.help().find("4096 to 67108864 (1048576)") != std::string::npos);
  const auto order = command.parse("ram://1M --max-transfer-bytes 65536");
  REQUIRE(order.has_value());
  CHECK(order->session.options.max_transfer_bytes == 65536);
  SessionView view;
  view.options = settings_of(order->session.options, one_more_option());
  CHECK(show_text(view).find("max transfer bytes 65536") != std::string::npos);
}
