// SPDX-License-Identifier: Apache-2.0
// A host with several addresses: if one does not resolve, the next one is tried.
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

TEST_CASE("the second address is resolved without a change of the descriptors to sleep on") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  const auto fds = fds_of(*endpoint);
  const test::Watch watch(fds);
  CHECK(cm.addresses == std::vector<std::string>{"192.0.2.1:5555"});

  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  CHECK(watch.readable());
  CHECK_FALSE(endpoint->next_event());  // no event for the user
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

TEST_CASE("an event of an abandoned id is acknowledged and ignored") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  auto* const first = cm.latest;
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
  cm.raise_for(first, RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);  // a second event, which is dropped with the id
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

TEST_CASE("the next address is tried if route resolution fails at once") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  cm.route_error = ENODEV;
  cm.raise(RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK_FALSE(endpoint->next_event());
  CHECK(cm.addresses.size() == 2);
}

TEST_CASE("the next address is tried if the device cannot be opened") {
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

TEST_CASE("if no address resolves, the error has the reason of each") {
  FakeCm cm;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2"), numeric("203.0.113.3")});
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  CHECK_FALSE(endpoint->next_event());
  cm.address_error = EHOSTUNREACH;  // the third one fails at once
  cm.raise(RDMA_CM_EVENT_ROUTE_ERROR, -ETIMEDOUT);
  const auto event = endpoint->next_event();
  REQUIRE(event);
  CHECK(event->kind == fabric::ConnectionEvent::Kind::failed);
  CHECK(event->error.code == Errc::unreachable);
  CHECK(has(event->error, "192.0.2.1:5555: the network interface"));
  CHECK(has(event->error, "198.51.100.2:5555: no answer to address resolution"));
  CHECK(has(event->error, "203.0.113.3:5555: no route"));
}

TEST_CASE("an unsupported kind of address does not make the error permanent") {
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

TEST_CASE("the error has the reasons of addresses that fail at once, too") {
  FakeCm cm;
  cm.address_error = ENODEV;
  const auto endpoint = open({numeric("192.0.2.1"), numeric("198.51.100.2")});
  cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ETIMEDOUT);
  const auto event = endpoint->next_event();
  REQUIRE(event);
  CHECK(has(event->error, "192.0.2.1:5555: the network interface"));
  CHECK(has(event->error, "198.51.100.2:5555: no answer to address resolution"));
}
