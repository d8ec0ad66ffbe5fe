// SPDX-License-Identifier: Apache-2.0
#include "cli/sync.hpp"

#include "catch2/catch.hpp"

using namespace srp_nbd;

namespace {

std::string first_error(std::string_view text) {
  const auto list = parse_target_list(text);
  if (list.errors.empty()) return {};
  const auto& e = list.errors[0];
  return std::to_string(e.line) + ":" + std::to_string(e.column) + ": " + e.message;
}

constexpr std::string_view kIb =
    "id_ext=200400A0B81146A1,ioc_guid=0002c90200402bd4,dgid=fe800000000000000002c90200402bd5,pkey=ffff,"
    "service_id=200400a0b81146a1";

}  // namespace

TEST_CASE("target list: lines of ibsrpdm -c, comments, blank lines and all line ends") {
  const auto list =
      parse_target_list(std::string("# rack 7\r\n\r\n") + std::string(kIb) +
                        "\r\n\t \n  srp://10.0.0.1:5555/?id_ext=1&ioc_guid=2  # left\nram://8M");
  REQUIRE(list.targets.size() == 3);
  CHECK(list.errors.empty());
  CHECK(list.targets[0].line == 3);
  CHECK(list.targets[0].target.address.ioc_guid == 0x0002c90200402bd4);
  CHECK(list.targets[1].line == 5);
  CHECK(list.targets[2].line == 6);
}

TEST_CASE("target list: a bad line is an error with its position, and the others are still read") {
  const auto list = parse_target_list("ram://8M\nid_ext=1,ioc_guid=xyz,dest=a:1\n  hello\nram://16M\n");
  CHECK(list.targets.size() == 2);
  REQUIRE(list.errors.size() == 2);
  CHECK(first_error("ram://8M\nid_ext=1,ioc_guid=xyz,dest=a:1\n").starts_with("2:10: "));
  CHECK(first_error("  hello").starts_with("1:3: "));
  CHECK(first_error("\nid_ext=1,nonsense=2,ioc_guid=3,dest=a:1").starts_with("2:10: "));
  CHECK(first_error(std::string(5000, 'x')).find("4096") != std::string::npos);
  CHECK(first_error(std::string(kMaxTargetListBytes + 1, '\n')).starts_with("1:1: more than"));
}

TEST_CASE("target list: the position of an error does not depend on the line's words") {
  CHECK(first_error("x at character 2004,dest=a:1").starts_with("1:1: "));
  CHECK(first_error("id_ext=1,ioc_guid=2,x at character 3=1,dest=a:1").starts_with("1:21: "));
  CHECK(first_error("id_ext=1,\"at character 9999\",dest=a:1").find("9999: ") == std::string::npos);
}

TEST_CASE("target list: a target counts once in every form, and at most 256 are permitted") {
  const auto list = parse_target_list(
      "srp://10.0.0.1:5555/"
      "?id_ext=1&ioc_guid=2\nid_ext=0001,ioc_guid=0x2,dest=10.0.0.1:5555,max_cmd_per_lun=8\n");
  CHECK(list.targets.size() == 1);
  REQUIRE(list.repeated.size() == 1);
  CHECK(list.repeated[0].line == 2);
  CHECK(list.repeated[0].message.find("line 1") != std::string::npos);

  std::string many;
  for (int i = 1; i <= 300; ++i) many += "srp://10.0.0.1:5555/?id_ext=" + std::to_string(i) + "&ioc_guid=2\n";
  const auto cut = parse_target_list(many);
  CHECK(cut.targets.size() == 256);
  REQUIRE(cut.errors.size() == 1);
  CHECK(cut.errors[0].line == 257);
}

TEST_CASE("sync plan: each state of a known session, and an unknown target") {
  const auto session = [](std::string name, std::string target, std::string state, OptionalText by) {
    SessionView view;
    view.name = std::move(name);
    view.target = std::move(target);
    view.state = std::move(state);
    view.by = std::move(by);
    return view;
  };
  const auto plan = [&](std::string state, OptionalText by) {
    static const auto list = parse_target_list("ram://8M");
    const auto steps = plan_sync(list, {session("a", "ram://8M", std::move(state), std::move(by))});
    REQUIRE(steps.size() == 1);
    CHECK(steps[0].session == "a");
    return steps[0].action;
  };
  CHECK(plan("live", {}) == SyncAction::none);
  CHECK(plan("connecting", {}) == SyncAction::none);
  CHECK(plan("recovering", "fault") == SyncAction::reconnect);
  CHECK(plan("disconnected", "fault") == SyncAction::reconnect);
  CHECK(plan("disconnected", "administrator") == SyncAction::leave_alone);
  CHECK(plan("disconnecting", "administrator") == SyncAction::leave_alone);

  const auto list = parse_target_list("ram://8M\nram://16M");
  const auto steps = plan_sync(list, {session("a", "ram://16M", "live", {}), session("b", "?", "", {})});
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].action == SyncAction::connect);
  CHECK(steps[1].action == SyncAction::none);
}
