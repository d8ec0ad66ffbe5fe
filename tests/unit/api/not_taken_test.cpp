// SPDX-License-Identifier: Apache-2.0
// What a caller learns of units that the first login could not take, and of units that are away from the start.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "target/quirk.hpp"
#include "target_fabric.hpp"

using namespace srpi;

namespace {

struct Watching final : SessionObserver {
  void on_state(SessionState, SessionState to, const Error&) override {
    if (to == SessionState::live) seen.emplace_back("live");
  }
  void on_logical_unit(LogicalUnit& unit, const UnitChange& change) override {
    seen.push_back((change.found  ? "found "
                    : change.away ? "away "
                                  : "? ") +
                   std::to_string(unit.info().lun));
  }
  void on_unit_not_taken(const UnitNotTaken& unit) override {
    seen.push_back("not taken " + std::to_string(unit.lun));
  }
  std::vector<std::string> seen;
};

}  // namespace

TEST_CASE("observer, status and log tell of units that are not taken, and of units away from the start") {
  const auto address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  const auto standby = target::Outcome::check_condition(scsi::SenseKey::not_ready, {0x04, 0x0b});
  std::vector<target::Quirk> quirks{
      // Blocks of 520 bytes.
      {.command = scsi::Opcode::service_action_in_16, .lun = 1, .outcome = target::byte_replaced(11, 8)},
      {.command = scsi::Opcode::test_unit_ready, .lun = 2, .outcome = standby}};
  std::vector<std::string> warnings;
  SessionOptions options;
  options.log = [&](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning) warnings.emplace_back(text);
  };
  Watching watching;
  api::SessionImpl session(address, options, &watching,
                           std::make_unique<test::TargetFabric>(address, 3, target::hook_of(quirks)), nullptr,
                           1);
  while (session.state() == SessionState::connecting) session.poll();

  CHECK(watching.seen == std::vector<std::string>{"not taken 1", "found 0", "found 2", "away 2", "live"});
  const auto status = session.status();
  REQUIRE(status.units_not_taken.size() == 1);
  CHECK(status.units_not_taken[0].lun == 1);
  CHECK(status.units_not_taken[0].why.code == Errc::not_supported);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].starts_with(
      "LUN 1 is not taken, the session goes on without it: not supported: LUN 1: blocks of 520 bytes"));
  CHECK(warnings[1].starts_with("LUN 2 is away, the session goes on without it: not ready: LUN 2 answers"));
}

TEST_CASE("the log has one line for each odd answer, not one for each proof") {
  const auto address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  std::vector<target::Quirk> quirks{
      {.command = scsi::Opcode::inquiry, .page = 0xb0, .lun = 1, .outcome = target::byte_replaced(1, 0x80)}};
  std::vector<std::string> warnings;
  SessionOptions options;
  options.log = [&](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning) warnings.emplace_back(text);
  };
  api::SessionImpl session(address, options, nullptr,
                           std::make_unique<test::TargetFabric>(address, 3, target::hook_of(quirks)), nullptr,
                           1);
  for (int login = 0; login < 3; ++login) {
    session.disconnect().value();
    session.reconnect().value();
    while (session.state() == SessionState::connecting) session.poll();
    CHECK(session.state() == SessionState::live);
  }
  CHECK(warnings ==
        std::vector<std::string>{"LUN 1: VPD 0xb0: received page 0x80 instead; the session does without it"});
}
