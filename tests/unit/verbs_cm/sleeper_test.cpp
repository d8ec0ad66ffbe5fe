// SPDX-License-Identifier: Apache-2.0
// A whole nexus over these verbs, asleep while the addresses of its target are tried.
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "fake_cm.hpp"
#include "session/nexus.hpp"
#include "verbs/active_endpoint.hpp"
#include "watch.hpp"

using namespace srpi;
using namespace std::chrono_literals;
using verbs::test::FakeCm;

namespace {

// A name that stands for two addresses, whatever the machine's resolver knows.
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

// No connection gets as far as this.
class NoProbe final : public session::Probe {
 public:
  void start(session::Channel&) override {}
  void take_attentions(session::Channel&) override {}
  std::optional<Result<>> outcome() override { return std::nullopt; }
  void add_units(session::FenceList&) const override {}
  void reset() noexcept override {}
  void let_device_go() noexcept override {}
};

class Sleeper final : public session::NexusObserver {
 public:
  // Watches anew only when the nexus says that there is something else to watch, as a session does.
  void fall_asleep() {
    while (nexus.poll() > 0) {
    }
    REQUIRE(nexus.arm());
    if (nexus.fds_version() == watched_version_) return;
    std::vector<int> fds;
    nexus.append_fds(fds);
    watch_.emplace(fds);
    watched_version_ = nexus.fds_version();
  }
  [[nodiscard]] bool woken() const { return watch_->readable(); }

  void on_state(session::State, session::State, const Error&) override {}
  void on_attempt_failed(const Error& error) override { failures.push_back(error); }
  void on_unit_event(std::uint64_t, scsi::Event) override {}
  void on_units_proved() override {}

  FakeCm cm;
  base::ManualClock clock;
  TwoAddresses fabric;
  NoProbe probe;
  SessionOptions options;
  std::vector<Error> failures;
  session::Nexus nexus{fabric,
                       TargetAddress::parse("id_ext=1,ioc_guid=2,dest=two.example:5555").value(),
                       options,
                       clock,
                       base::Random(1),
                       probe,
                       *this};

 private:
  std::optional<verbs::test::Watch> watch_;
  std::uint64_t watched_version_ = ~0ull;
};

}  // namespace

TEST_CASE("a session that sleeps is woken by the answer about its target's second address") {
  Sleeper sleeper;
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

TEST_CASE("a second address that is silent until the deadline does not hide why the first was given up") {
  Sleeper sleeper;
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
