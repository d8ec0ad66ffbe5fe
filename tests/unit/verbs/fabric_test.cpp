// SPDX-License-Identifier: Apache-2.0
// Tests that need no RDMA device. tests/vm/programs/verbs_probe.cpp has the others; it runs in a virtual
// machine.
#include "verbs/fabric.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

using namespace srpi;

namespace {
TargetAddress target(const std::string& host, std::uint16_t port) {
  TargetAddress address;
  address.transport = RdmaCmAddress{host, port, ""};
  return address;
}
}  // namespace

TEST_CASE("bad arguments are refused before a device is looked for") {
  const auto fabric = verbs::make_fabric();
  CHECK(fabric->open(target("", 5555), {}).error().code == Errc::invalid_argument);
  CHECK(fabric->open(target("127.0.0.1", 0), {}).error().code == Errc::invalid_argument);

  fabric::ConnectOptions options;
  options.responder_resources = 0;
  CHECK(fabric->open(target("127.0.0.1", 5555), options).error().code == Errc::invalid_argument);
  options = {};
  options.retry_count = 8;
  CHECK(fabric->open(target("127.0.0.1", 5555), options).error().code == Errc::invalid_argument);
  options = {};
  options.ack_timeout_exponent = 32;
  CHECK(fabric->open(target("127.0.0.1", 5555), options).error().code == Errc::invalid_argument);

  TargetAddress ram;
  ram.transport = RamAddress{};
  CHECK(fabric->open(ram, {}).error().code == Errc::invalid_argument);
}

TEST_CASE("without an RDMA device each open fails and says how to get one") {
  if (std::filesystem::exists("/sys/class/infiniband")) return;  // this machine may have a device
  const auto fabric = verbs::make_fabric();
  for (int i = 0; i < 2; ++i) {
    const auto endpoint = fabric->open(target("127.0.0.1", 5555), {});
    REQUIRE_FALSE(endpoint.has_value());
    CHECK(endpoint.error().code == Errc::no_device);
    CHECK(endpoint.error().detail.find("rdma link add") != std::string::npos);
  }
}
