// SPDX-License-Identifier: Apache-2.0
#include "verbs/address.hpp"

#include <endian.h>
#include <infiniband/ib.h>

#include <catch2/catch.hpp>
#include <cstring>

using namespace srpi;
using namespace srpi::verbs;

TEST_CASE("an IPv4 address and port become one route without a source") {
  auto routes = routes_to({"10.0.0.2", 5555, ""});
  REQUIRE(routes.has_value());
  REQUIRE(routes->size() == 1);
  CHECK(host_text((*routes)[0].destination.get()) == "10.0.0.2");
  CHECK(host_and_port_text((*routes)[0].destination.get()) == "10.0.0.2:5555");
  CHECK_FALSE((*routes)[0].source.has_value());
}

TEST_CASE("an IPv6 address with a port is printed in brackets") {
  auto routes = routes_to({"fd00::2", 5555, "fd00::1"});
  REQUIRE(routes.has_value());
  REQUIRE(routes->size() == 1);
  CHECK(host_and_port_text((*routes)[0].destination.get()) == "[fd00::2]:5555");
  REQUIRE((*routes)[0].source.has_value());
  CHECK(host_text((*routes)[0].source->get()) == "fd00::1");
}

TEST_CASE("a source of the other address family is refused; the error has both addresses") {
  const auto routes = routes_to({"10.0.0.2", 5555, "fd00::1"});
  REQUIRE_FALSE(routes.has_value());
  CHECK(routes.error().code == Errc::invalid_argument);
  CHECK(routes.error().detail.find("10.0.0.2") != std::string::npos);
  CHECK(routes.error().detail.find("fd00::1") != std::string::npos);
}

TEST_CASE("an address without host or port is refused") {
  CHECK(routes_to({"", 5555, ""}).error().code == Errc::invalid_argument);
  CHECK(routes_to({"10.0.0.2", 0, ""}).error().code == Errc::invalid_argument);
}

TEST_CASE("a name that does not resolve is unreachable; the error has the name") {
  const auto routes = routes_to({"no such host", 5555, ""});
  REQUIRE_FALSE(routes.has_value());
  CHECK(routes.error().code == Errc::unreachable);
  CHECK(routes.error().detail.find("no such host") != std::string::npos);
}

TEST_CASE("native InfiniBand uses AF_IB with GID, partition and the whole service id") {
  IbCmAddress target;
  for (std::size_t i = 0; i < 16; ++i) target.dgid[i] = static_cast<std::uint8_t>(i + 1);
  target.pkey = 0x8001;
  target.service_id = 0x0002c90300a1b2c3;
  Route route = route_to(target);

  sockaddr_ib ib;
  std::memcpy(&ib, route.destination.get(), sizeof ib);
  CHECK(ib.sib_family == AF_IB);
  CHECK(be16toh(ib.sib_pkey) == 0x8001);
  CHECK(be64toh(ib.sib_sid) == 0x0002c90300a1b2c3);
  CHECK(ib.sib_sid_mask == ~0ull);
  CHECK(std::memcmp(ib.sib_addr.sib_raw, target.dgid.data(), 16) == 0);
  CHECK_FALSE(route.source.has_value());
  CHECK(host_and_port_text(route.destination.get()) == "102:304:506:708:90a:b0c:d0e:f10");

  target.sgid = target.dgid;
  route = route_to(target);
  REQUIRE(route.source.has_value());
  std::memcpy(&ib, route.source->get(), sizeof ib);
  CHECK(ib.sib_family == AF_IB);
  CHECK(be16toh(ib.sib_pkey) == 0x8001);
}
