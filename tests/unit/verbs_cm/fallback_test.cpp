// SPDX-License-Identifier: Apache-2.0
// A host with several addresses: one that does not resolve is followed by the next.
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "fake_cm.hpp"
#include "verbs/active_endpoint.hpp"
#include "watch.hpp"

using namespace srpi;
using namespace srpi::verbs;
using test::FakeCm;

namespace {

Route numeric(const char* host) { return routes_to(RdmaCmAddress{host, 5555, ""}).value().front(); }

std::unique_ptr<ActiveEndpoint> open(std::vector<Route> routes) {
  return ActiveEndpoint::open(std::make_shared<DeviceCache>(), std::move(routes), false, {}).value();
}

std::vector<int> fds_of(const fabric::ActiveEndpoint& endpoint) {
  std::vector<int> fds;
  endpoint.append_fds(fds);
  return fds;
}

bool has(const Error& error, const char* words) { return error.detail.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("the second address is resolved behind the descriptor that a sleeper watches already") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  const auto fds = fds_of(*endpoint);
  const test::Watch watch(fds);
  CHECK(cm.addresses == std::vector<std::string>{"192.0.2.1:5555"});

  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  CHECK(watch.readable());
  CHECK_FALSE(endpoint->next_event());  // nothing that its user would have to know
  CHECK(cm.addresses == std::vector<std::string>{"192.0.2.1:5555", "198.51.100.2:5555"});
  CHECK(cm.ids.size() == 1);
  CHECK(cm.channels_made == 1);
  CHECK(fds_of(*endpoint) == fds);

  CHECK_FALSE(watch.readable());
  cm.raise(RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK(watch.readable());
  CHECK_FALSE(endpoint->next_event());
  CHECK(cm.routes == 1);
}

TEST_CASE("an event of an id that was given up is given back and changes nothing") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  auto* const first = cm.latest;
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
  cm.raise_for(first, RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);  // behind it: goes with the id
  CHECK_FALSE(endpoint->next_event());
  REQUIRE(cm.latest != first);

  cm.raise_for(first, RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
  cm.raise_for(first, RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK_FALSE(endpoint->next_event());
  CHECK(cm.unacknowledged == 0);
  CHECK(cm.routes == 0);
  CHECK(cm.addresses.size() == 2);

  cm.raise(RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK_FALSE(endpoint->next_event());
  CHECK(cm.routes == 1);
}

TEST_CASE("an address whose route cannot be asked for is followed by the next, too") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  cm.route_error = ENODEV;
  cm.raise(RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK_FALSE(endpoint->next_event());
  CHECK(cm.addresses.size() == 2);
}

TEST_CASE("an address that leads to a device which cannot be opened is followed by the next, too") {
  FakeCm cm;
  ibv_device device{};
  ibv_context context{};
  context.device = &device;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  cm.latest->verbs = &context;
  cm.raise(RDMA_CM_EVENT_ROUTE_RESOLVED);
  CHECK_FALSE(endpoint->next_event());
  CHECK(cm.addresses.size() == 2);

  cm.latest->verbs = &context;
  cm.raise(RDMA_CM_EVENT_ROUTE_RESOLVED);
  const auto event = endpoint->next_event();
  REQUIRE(event);
  CHECK(event->kind == fabric::ConnectionEvent::Kind::failed);
  CHECK(event->error.code == Errc::no_memory);
  CHECK(has(event->error, "192.0.2.1:5555: open RDMA device"));
  CHECK(has(event->error, "198.51.100.2:5555: open RDMA device"));
}

TEST_CASE("when no address resolves, the error says of each why not") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2"), numeric("203.0.113.3")});
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  CHECK_FALSE(endpoint->next_event());
  cm.address_error = EHOSTUNREACH;  // of the third, at once
  cm.raise(RDMA_CM_EVENT_ROUTE_ERROR, -ETIMEDOUT);
  const auto event = endpoint->next_event();
  REQUIRE(event);
  CHECK(event->kind == fabric::ConnectionEvent::Kind::failed);
  CHECK(event->error.code == Errc::unreachable);
  CHECK(has(event->error, "192.0.2.1:5555: the network interface"));
  CHECK(has(event->error, "198.51.100.2:5555: nobody there answers"));
  CHECK(has(event->error, "203.0.113.3:5555: no route"));
}

TEST_CASE("an address of a kind that is not taken here is no reason to give up one that may answer later") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("2001:db8::2")});
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
  CHECK_FALSE(endpoint->next_event());
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -EINVAL);
  const auto event = endpoint->next_event();
  REQUIRE(event);
  CHECK(event->error.code == Errc::unreachable);
  CHECK(has(event->error, "[2001:db8::2]:5555"));
}

TEST_CASE("where the first addresses cannot even be asked for, the last one's error does not hide theirs") {
  FakeCm cm;
  cm.address_error = ENODEV;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
  const auto event = endpoint->next_event();
  REQUIRE(event);
  CHECK(has(event->error, "192.0.2.1:5555: the network interface"));
  CHECK(has(event->error, "198.51.100.2:5555: nobody there answers"));
}
