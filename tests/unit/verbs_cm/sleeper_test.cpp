// SPDX-License-Identifier: Apache-2.0
// A session sleeps while the addresses of its target are tried.
#include "sleeper.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "verbs/active_endpoint.hpp"

using namespace srpi;
using verbs::test::Sleeper;

namespace {

// A host name with two addresses, independent of the machine's resolver.
class TwoAddresses final : public fabric::Fabric {
 public:
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                       const fabric::ConnectOptions& options) override {
    std::vector<verbs::Route> routes;
    for (const char* host : {"192.0.2.1", "198.51.100.2"})
      routes.push_back(verbs::routes_to(RdmaCmAddress{host, 5555, ""}).value().front());
    auto endpoint = verbs::ActiveEndpoint::open(devices_, std::move(routes), false, options);
    if (!endpoint) return endpoint.error();
    return std::unique_ptr<fabric::ActiveEndpoint>(std::move(*endpoint));
  }

 private:
  const std::shared_ptr<verbs::DeviceCache> devices_ = std::make_shared<verbs::DeviceCache>();
};

}  // namespace

TEST_CASE("the result for the target's second address wakes a sleeping session") {
  TwoAddresses fabric;
  Sleeper sleeper(fabric, "two.example:5555");
  sleeper.fall_asleep();
  sleeper.cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  CHECK(sleeper.woken());
  sleeper.fall_asleep();
  REQUIRE(sleeper.cm.addresses.size() == 2);
  CHECK_FALSE(sleeper.woken());
  sleeper.cm.raise(RDMA_CM_EVENT_ADDR_RESOLVED);
  CHECK(sleeper.woken());
  sleeper.fall_asleep();
  CHECK(sleeper.cm.routes == 1);
  CHECK(sleeper.failures.empty());
}

TEST_CASE("after the deadline of the second address, the error still has the reason of the first") {
  TwoAddresses fabric;
  Sleeper sleeper(fabric, "two.example:5555");
  sleeper.fall_asleep();
  sleeper.cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  sleeper.fall_asleep();
  sleeper.clock.advance(sleeper.options.connect_timeout);
  sleeper.nexus.poll();
  REQUIRE(sleeper.failures.size() == 1);
  const auto& error = sleeper.failures.front();
  CHECK(error.code == Errc::connect_timed_out);
  CHECK(error.detail.find("resolving address and route") != std::string::npos);
  CHECK(error.detail.find("192.0.2.1:5555: the network interface") != std::string::npos);
}
