// SPDX-License-Identifier: Apache-2.0
// A session's units as devices of a fake kernel.
#include "export/nbd_devices.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "catch2/catch.hpp"
#include "test/awaited.hpp"
#include "test/call_on_lane.hpp"
#include "test/closed_connections.hpp"
#include "test/fake_nbd.hpp"
#include "test/fake_session.hpp"

using namespace std::chrono_literals;
using namespace srp_nbd;

namespace {

// A session's units on their way to a fake kernel.
struct Publishing {
  explicit Publishing(NbdDevicesOptions options = {}) {
    auto observer = std::make_unique<ClosedConnections>([this](std::uint64_t id, const srpi::Error& why) {
      boost::asio::post(io, [this, id, why] {
        if (!devices) return;
        if (auto gone = devices->connection_closed(id, why)) lost.push_back(std::move(*gone));
      });
    });
    auto started = Lane::start(
        [](srpi::SessionObserver*) -> srpi::Result<std::unique_ptr<srpi::Session>> {
          auto session = std::make_unique<FakeSession>(8);
          session->add_unit(1, 8);
          return std::unique_ptr<srpi::Session>(std::move(session));
        },
        std::move(observer), {});
    REQUIRE(started.has_value());
    lane = std::move(*started);
    devices = std::make_shared<NbdDevices>(io.get_executor(), *kernel, *lane, std::move(options));
  }
  void publish() {
    infos = call_on_lane(*lane, [](srpi::Session& session) {
      std::vector<srpi::LogicalUnitInfo> result;
      for (const auto& unit : session.logical_units()) result.push_back(unit->info());
      return result;
    });
    publish(infos);
  }
  void publish(std::vector<srpi::LogicalUnitInfo> units) {
    collect(io, published, devices->publish(std::move(units)));
    io.restart();
    io.poll();  // until it waits for the kernel
  }
  void grow(std::size_t unit, std::uint64_t blocks) {
    infos[unit].blocks = blocks;
    devices->resize(infos[unit]);
  }
  std::uint64_t bytes(std::uint32_t device) {
    return nbd.with([&](FakeNbd& n) { return n.devices.at(device).bytes; });
  }
  void withdraw() { collect(io, withdrawn, devices->withdraw()); }
  template<class Condition>
  void run_until(Condition holds) {
    for (int tries = 0; !holds(); ++tries) {
      REQUIRE(tries < 2000);
      io.restart();
      io.run_for(5ms);
    }
  }
  // The kernel has been asked that often; its answer has not been heard of.
  void await_connects(std::size_t count) {
    for (int tries = 0; nbd.with([](FakeNbd& n) { return n.connects; }) < count; ++tries) {
      REQUIRE(tries < 2000);
      std::this_thread::sleep_for(5ms);
    }
  }

  FakeNbd nbd;
  boost::asio::io_context io;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  std::unique_ptr<KernelDeviceManager> kernel =
      std::make_unique<KernelDeviceManager>(io.get_executor(), nbd.opener());
  std::vector<srpi::LogicalUnitInfo> infos;
  std::unique_ptr<Lane> lane;
  std::shared_ptr<NbdDevices> devices;
  std::vector<Outcome<>> published, withdrawn;
  std::vector<Export::LostDevice> lost;
};

}  // namespace

TEST_CASE(
    "kernel devices of a session: a withdrawal waits for a running connect and disconnects its device") {
  Publishing rig;
  rig.nbd.stick(true);
  rig.publish();
  rig.await_connects(1);
  rig.withdraw();
  rig.withdraw();
  rig.io.run_for(50ms);
  CHECK(rig.withdrawn.empty());
  rig.nbd.stick(false);
  rig.run_until([&] { return rig.withdrawn.size() == 2; });
  CHECK(rig.withdrawn[0].has_value());
  CHECK(rig.nbd.count() == 0);
  REQUIRE(rig.published.size() == 1);
  CHECK(rig.published[0].has_error());
  CHECK(rig.devices->units().empty());
}

TEST_CASE("kernel devices of a session: a withdrawal during a connect's answer leaves nothing") {
  Publishing rig;
  rig.publish();
  rig.await_connects(1);
  std::this_thread::sleep_for(20ms);
  rig.withdraw();
  rig.run_until([&] { return rig.withdrawn.size() == 1; });
  CHECK(rig.nbd.count() == 0);
}

TEST_CASE("kernel devices of a session: a withdrawal does not wait for a node that does not appear in /dev") {
  Publishing rig;
  rig.nbd.has_nodes = false;
  rig.publish();
  rig.await_connects(1);
  rig.withdraw();
  const auto begin = std::chrono::steady_clock::now();
  rig.run_until([&] { return rig.withdrawn.size() == 1; });
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  CHECK(rig.nbd.count() == 0);
}

TEST_CASE("kernel devices of a session: more units than a lane can serve are an error, and nothing is left") {
  Publishing rig;
  const std::vector<srpi::LogicalUnitInfo> infos(rig.lane->options().max_connections + 1);
  rig.publish(infos);
  rig.run_until([&] { return rig.published.size() == 1; });
  REQUIRE(rig.published[0].has_error());
  CHECK(rig.published[0].error().message.find("512 kernel devices at most: choose units with --lun") !=
        std::string::npos);
  CHECK(rig.nbd.with([](FakeNbd& n) { return n.connects; }) == 0);
}

TEST_CASE(
    "kernel devices of a session: two withdrawals share one end, and each device is disconnected once") {
  Publishing rig;
  rig.publish();
  rig.run_until([&] { return rig.published.size() == 1; });
  REQUIRE(rig.published[0].has_value());
  CHECK(rig.nbd.count() == 2);
  rig.withdraw();
  rig.withdraw();
  rig.run_until([&] { return rig.withdrawn.size() == 2; });
  CHECK(rig.nbd.count() == 0);
  CHECK(rig.nbd.with([](FakeNbd& n) { return n.disconnects; }) == 2);
}

TEST_CASE("kernel devices of a session: a device grows with its unit") {
  Publishing rig;
  rig.nbd.stick(true);
  rig.publish();
  rig.await_connects(1);
  rig.grow(1, 9);  // while its device is made
  rig.nbd.stick(false);
  rig.run_until([&] { return rig.published.size() == 1; });
  rig.grow(0, 5000);
  rig.run_until([&] { return rig.bytes(0) == 5000 * 512 && rig.bytes(1) == 9 * 512; });
}

TEST_CASE(
    "kernel devices of a session: a device that somebody else disconnects is lost, and its next owner keeps "
    "it") {
  Publishing rig;
  rig.publish();
  rig.run_until([&] { return rig.published.size() == 1; });
  REQUIRE(rig.nbd.count() == 2);
  const auto first = rig.nbd.devices.begin()->first;
  rig.nbd.with([&](FakeNbd& nbd) { nbd.devices.erase(first); });
  rig.run_until([&] { return rig.lost.size() == 1; });
  CHECK(rig.lost[0].unit.device == "/dev/nbd" + std::to_string(first));
  CHECK(rig.lost[0].why.code == srpi::Errc::no_device);
  CHECK(rig.devices->units()[0].device.empty());
  CHECK(!rig.devices->units()[1].device.empty());

  std::vector<Outcome<KernelDevice>> next;
  SECTION("another process") {
    rig.nbd.with([&](FakeNbd& nbd) { nbd.connectors[first] = {4711, "nbd-client", false}; });
  }
  SECTION("another session of this daemon") {
    KernelDeviceOptions options;
    auto pair = make_socket_pair();
    options.socket = std::move(pair->kernels);
    options.index = first;
    options.size_bytes = 4096;
    collect(rig.io, next, rig.kernel->connect(std::move(options)));
    rig.run_until([&] { return next.size() == 1; });
  }
  rig.grow(0, 5000);
  rig.withdraw();
  rig.run_until([&] { return rig.withdrawn.size() == 1; });
  CHECK(rig.withdrawn[0].has_value());
  CHECK(rig.nbd.with([&](FakeNbd& nbd) { return nbd.devices.size() + nbd.connectors.size(); }) == 1);
  if (!next.empty()) CHECK(rig.bytes(first) == 4096);
}

TEST_CASE("kernel devices of a session: a device without an owner is disconnected") {
  Publishing rig;
  SECTION("while the kernel makes it") {
    rig.nbd.stick(true);
    rig.publish();
    rig.await_connects(1);
  }
  SECTION("while its answer is on its way") {
    rig.publish();
    rig.await_connects(1);
  }
  SECTION("once it is published") {
    rig.publish();
    rig.run_until([&] { return rig.published.size() == 1; });
  }
  rig.devices.reset();
  rig.nbd.stick(false);
  rig.run_until([&] { return rig.nbd.count() == 0; });
}

TEST_CASE("the kernel's timeout is longer than all our deadlines together, retries included") {
  srpi::SessionOptions options;
  options.command_timeout = 10s;
  options.connect_timeout = 5s;
  options.fast_io_fail = 60s;
  options.task_management_timeout = 0s;
  // An expired command, or one that is sent again for a minute while its unit becomes ready; a login; held
  // I/O.
  CHECK(srp_nbd::kernel_request_timeout(options) >= 20s + 63s + 5s + 60s);
  options.command_timeout = 1500ms;
  CHECK(srp_nbd::kernel_request_timeout(options) >= 3s + 63s + 5s + 60s);
  // Three commands, one after the other, each held, not answered, aborted, then its unit reset.
  options.task_management_timeout = 30s;
  CHECK(srp_nbd::kernel_request_timeout(options) >= 3 * (1500ms + 60s + 2 * 30s) + 63s + 5s);
}

TEST_CASE("kernel devices of a session: their users are named, and nobody uses what another has taken") {
  Publishing rig;
  rig.publish();
  rig.run_until([&] { return rig.published.size() == 1; });
  rig.nbd.with([](FakeNbd& nbd) { nbd.users[1] = {"process 7 (fio) has /dev/nbd1 open"}; });
  std::vector<Outcome<std::vector<std::string>>> users;
  collect(rig.io, users, rig.devices->users());
  rig.run_until([&] { return users.size() == 1; });
  REQUIRE(users[0].has_value());
  CHECK(*users[0] == std::vector<std::string>{"process 7 (fio) has /dev/nbd1 open"});
  rig.nbd.with([](FakeNbd& nbd) {
    nbd.devices.erase(1);
    nbd.connectors[1] = {99, "other", false};
  });
  collect(rig.io, users, rig.devices->users());
  rig.run_until([&] { return users.size() == 2; });
  CHECK(users[1]->empty());
}

TEST_CASE("kernel devices of a session: a unit that is found later gets one, and its failure is its own") {
  Publishing rig;
  rig.publish();
  rig.run_until([&] { return rig.published.size() == 1; });
  REQUIRE(rig.published[0].has_value());
  auto found = call_on_lane(*rig.lane, [](srpi::Session& session) {
    static_cast<FakeSession&>(session).add_unit(9, 16);
    return session.logical_units().back()->info();
  });
  std::vector<Outcome<>> added;
  collect(rig.io, added, rig.devices->add(found));
  rig.run_until([&] { return added.size() == 1; });
  CHECK(added[0].has_value());
  CHECK(rig.nbd.count() == 3);
  REQUIRE(rig.devices->units().size() == 3);
  CHECK(rig.devices->units()[2].info.lun == 9);
  CHECK_FALSE(rig.devices->units()[2].device.empty());

  found.lun = 77;  // the session does not have it
  collect(rig.io, added, rig.devices->add(found));
  rig.run_until([&] { return added.size() == 2; });
  REQUIRE(added[1].has_error());
  CHECK(added[1].error().message.find("lun 77 is not served") == 0);
  rig.run_until([&] { return rig.nbd.count() == 3; });
  CHECK(rig.devices->units().size() == 3);

  rig.withdraw();
  rig.run_until([&] { return rig.withdrawn.size() == 1; });
  CHECK(rig.nbd.count() == 0);
}

TEST_CASE("kernel devices of a session: a withdrawal waits for a unit that is being added") {
  Publishing rig;
  rig.publish();
  rig.run_until([&] { return rig.published.size() == 1; });
  auto found = call_on_lane(*rig.lane, [](srpi::Session& session) {
    static_cast<FakeSession&>(session).add_unit(9, 16);
    return session.logical_units().back()->info();
  });
  rig.nbd.stick(true);
  std::vector<Outcome<>> added;
  collect(rig.io, added, rig.devices->add(found));
  rig.io.restart();
  rig.io.poll();
  rig.await_connects(3);
  rig.withdraw();
  rig.io.run_for(50ms);
  CHECK(rig.withdrawn.empty());
  rig.nbd.stick(false);
  rig.run_until([&] { return rig.withdrawn.size() == 1 && added.size() == 1; });
  CHECK(added[0].has_error());
  CHECK(rig.nbd.count() == 0);
}

TEST_CASE(
    "kernel devices of a session: the units with a chosen device get it, the others the first free ones") {
  Publishing rig({.indices = {{1, 0}, {7, 4}}});  // there is no unit 7
  rig.publish();
  rig.run_until([&] { return !rig.published.empty(); });
  CHECK(rig.published[0].has_value());
  const auto units = rig.devices->units();
  REQUIRE(units.size() == 2);
  CHECK(units[0].device == "/dev/nbd1");
  CHECK(units[1].device == "/dev/nbd0");
}

TEST_CASE("kernel devices of a session: one device for two units is refused") {
  Publishing rig({.indices = {{std::nullopt, 0}}});
  rig.publish();
  rig.run_until([&] { return !rig.published.empty(); });
  REQUIRE(rig.published[0].has_error());
  CHECK(rig.published[0].error().message.find("--device LUN=/dev/nbdN") != std::string::npos);
}
