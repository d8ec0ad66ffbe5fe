// SPDX-License-Identifier: Apache-2.0
// Options that get other values while the session lives.
#include <catch2/catch.hpp>

#include "target_fabric.hpp"

using namespace srpi;

namespace {

struct Changing {
  explicit Changing(const SessionOptions& options)
      : session(address, options, nullptr, std::make_unique<test::TargetFabric>(address, 1), nullptr, 1) {
    while (session.state() == SessionState::connecting) session.poll();
  }
  const TargetAddress address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  api::SessionImpl session;
};

}  // namespace

TEST_CASE(
    "options of a running session: timers change, and what a login has settled is refused by its name") {
  SessionOptions options;
  Changing rig(options);
  options.keepalive.reset();
  options.dev_loss = Milliseconds(70000);
  CHECK(rig.session.change_options(options).has_value());

  auto other = options;
  other.keepalive = Milliseconds(500);
  other.queue_depth = 7;
  const auto refused = rig.session.change_options(other);
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == Errc::invalid_argument);
  CHECK(refused.error().detail == "queue_depth of a session cannot change");

  other = options;
  other.dev_loss = Milliseconds(1);
  CHECK(rig.session.change_options(other).error().code == Errc::invalid_argument);
  CHECK(rig.session.state() == SessionState::live);
  rig.session.erase();
  CHECK(rig.session.change_options(options).error().code == Errc::wrong_state);
}

TEST_CASE("options of a running session: with a reconnect_delay, a session that made no attempts makes one") {
  SessionOptions options;
  options.reconnect_delay.reset();
  bool is_permitted = false;
  options.permit_port_ids = [&](const PortId&, const PortId&) -> Result<> {
    if (is_permitted) return {};
    return Error{Errc::already_exists, "not yet"};
  };
  Changing rig(options);
  REQUIRE(rig.session.state() == SessionState::disconnected);
  is_permitted = true;
  CHECK(rig.session.change_options(options).has_value());
  CHECK(rig.session.state() == SessionState::disconnected);
  options.reconnect_delay = Milliseconds(1000);
  CHECK(rig.session.change_options(options).has_value());
  while (rig.session.state() == SessionState::connecting) rig.session.poll();
  CHECK(rig.session.state() == SessionState::live);

  // Not after an administrator's disconnect.
  rig.session.disconnect().value();
  options.reconnect_delay.reset();
  CHECK(rig.session.change_options(options).has_value());
  options.reconnect_delay = Milliseconds(1000);
  CHECK(rig.session.change_options(options).has_value());
  CHECK(rig.session.state() == SessionState::disconnected);
}
