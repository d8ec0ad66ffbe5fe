// SPDX-License-Identifier: Apache-2.0
// A target with more logical units than a session takes.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "target_fabric.hpp"

using namespace srpi;

namespace {

// Connects, is lost and connects again.
std::vector<std::string> warnings_of_two_logins(std::uint16_t units, SessionOptions options,
                                                std::size_t taken) {
  const auto address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  std::vector<std::string> warnings;
  options.log = [&](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning) warnings.emplace_back(text);
  };
  api::SessionImpl session(address, options, nullptr, std::make_unique<test::TargetFabric>(address, units),
                           nullptr, 1);
  for (int login = 0; login < 2; ++login) {
    session.disconnect().value();
    session.reconnect().value();
    while (session.state() == SessionState::connecting) session.poll();
    CHECK(session.state() == SessionState::live);
  }
  CHECK(session.logical_units().size() == taken);
  return warnings;
}

}  // namespace

TEST_CASE("one warning counts the logical units that a session leaves out and says what to do") {
  CHECK(warnings_of_two_logins(256, {}, 256).empty());
  // 300 fit the buffer for the target's answer, 700 do not.
  for (const std::uint16_t units : {300, 700}) {
    const auto warnings = warnings_of_two_logins(units, {}, 256);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find(std::to_string(units - 256) + " logical units are left out") != std::string::npos);
    CHECK(warnings[0].find("luns") != std::string::npos);
    CHECK(warnings[0].find("--lun") != std::string::npos);
  }
}

TEST_CASE("if the wanted logical units are given, none is left out") {
  SessionOptions options;
  options.luns = {299, 7};
  CHECK(warnings_of_two_logins(300, options, 2).empty());
}
