// SPDX-License-Identifier: Apache-2.0
// A program may refuse the pair of port ids that a session is about to log in with.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "target_fabric.hpp"

using namespace srpi;

TEST_CASE("a login whose port ids the program refuses is not sent, and no other attempt follows") {
  const auto address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  bool is_permitted = false;
  std::vector<std::pair<PortId, PortId>> asked;
  SessionOptions options;
  options.initiator_port_id = PortId::make(3, 4);
  options.reconnect_first_delay = Milliseconds(10);
  options.permit_port_ids = [&](const PortId& initiator, const PortId& target) -> Result<> {
    asked.emplace_back(initiator, target);
    if (is_permitted) return {};
    return Error{Errc::busy, "session b has them"};
  };
  api::SessionImpl session(address, options, nullptr, std::make_unique<test::TargetFabric>(address, 1),
                           nullptr, 1);
  while (session.state() == SessionState::connecting) session.poll();

  CHECK(session.state() == SessionState::disconnected);
  CHECK(session.status().last_error.code == Errc::already_exists);
  CHECK(session.status().last_error.detail.find("session b has them") != std::string::npos);
  CHECK_FALSE(session.status().next_attempt_in);
  CHECK(asked == std::vector{std::pair(PortId::make(3, 4), PortId::make(1, 2))});

  is_permitted = true;
  session.reconnect().value();
  while (session.state() == SessionState::connecting) session.poll();
  CHECK(session.state() == SessionState::live);
}
