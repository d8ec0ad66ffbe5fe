// SPDX-License-Identifier: Apache-2.0
// The thread for kernel devices, without a device or with devices of a fake kernel.
#include "export/kernel_device.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <thread>

#include "test/awaited.hpp"
#include "test/fake_nbd.hpp"

using namespace srp_nbd;
using namespace std::chrono_literals;

namespace {

// A manager over a fake kernel, with its answers.
struct Devices {
  void connect(std::optional<std::uint32_t> index, std::chrono::milliseconds deadline = 10s,
               std::stop_token given_up = {}, std::chrono::milliseconds busy_wait = 1h) {
    auto pair = make_socket_pair();
    REQUIRE(pair.has_value());
    lanes.push_back(std::move(pair->ours));
    KernelDeviceOptions options;
    options.index = index;
    options.socket = std::move(pair->kernels);
    options.size_bytes = 1 << 20;
    options.deadline = deadline;
    options.busy_wait = busy_wait;
    options.given_up = std::move(given_up);
    collect(*io, answers, manager->connect(std::move(options)));
  }
  void wait_for_answers(std::size_t count) {
    while (answers.size() < count && io->run_one_for(20s) > 0) {
    }
    REQUIRE(answers.size() == count);
  }
  // Waits until the kernel has got that many connects.
  void wait_for_connects(std::size_t count) {
    for (int tries = 0; nbd.with([](FakeNbd& n) { return n.connects; }) < count; ++tries) {
      REQUIRE(tries < 2000);
      io->run_for(10ms);
    }
  }

  FakeNbd nbd;
  std::unique_ptr<boost::asio::io_context> io = std::make_unique<boost::asio::io_context>();
  std::unique_ptr<KernelDeviceManager> manager =
      std::make_unique<KernelDeviceManager>(io->get_executor(), nbd.opener());
  std::vector<UniqueFd> lanes;
  std::vector<Outcome<KernelDevice>> answers;
};

}  // namespace

TEST_CASE("kernel devices: each order is answered once, and in order") {
  boost::asio::io_context io;
  KernelDeviceManager devices(io.get_executor());
  std::vector<Outcome<KernelDevice>> answers;
  std::vector<int> order;
  const auto connect = [&](int i) -> boost::asio::awaitable<Outcome<KernelDevice>> {
    // Without a socket: refused on the thread, before the kernel is asked.
    KernelDeviceOptions options;
    auto device = co_await devices.connect(std::move(options));
    order.push_back(i);
    co_return device;
  };
  for (int i = 0; i < 20; ++i) collect(io, answers, connect(i));
  while (answers.size() < 20 && io.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  REQUIRE(answers.size() == 20);
  CHECK(std::is_sorted(order.begin(), order.end()));
  for (const auto& answer : answers) CHECK(answer.error().code == "invalid_argument");
}

TEST_CASE("kernel devices: the manager may be destroyed while orders run") {
  std::vector<Outcome<KernelDevice>> answers;
  boost::asio::io_context io;
  auto devices = std::make_unique<KernelDeviceManager>(io.get_executor());
  for (int i = 0; i < 20; ++i) collect(io, answers, devices->connect({}));
  io.poll_one();
  io.run_for(std::chrono::milliseconds(1));
  devices.reset();
  io.run_for(std::chrono::milliseconds(20));
}

TEST_CASE("kernel devices: an order that waits for a busy device does not delay others") {
  Devices rig;
  rig.nbd.open.insert(3);
  rig.connect(3, 1h);
  rig.wait_for_connects(1);
  rig.connect(4);
  rig.wait_for_answers(1);
  REQUIRE(rig.answers[0].has_value());
  CHECK(rig.answers[0]->path == "/dev/nbd4");
  rig.nbd.with([](FakeNbd& nbd) { nbd.open.clear(); });
  rig.wait_for_answers(2);
  REQUIRE(rig.answers[1].has_value());
  CHECK(rig.answers[1]->path == "/dev/nbd3");
}

TEST_CASE("kernel devices: each order has its own deadline") {
  Devices rig;
  for (const std::uint32_t index : {1, 2, 3, 4, 5, 6}) {
    rig.nbd.with([&](FakeNbd& nbd) { nbd.open.insert(index); });
    rig.connect(index, 300ms);
  }
  const auto begin = std::chrono::steady_clock::now();
  rig.wait_for_answers(6);
  CHECK(std::chrono::steady_clock::now() - begin < 1500ms);
  for (const auto& answer : rig.answers) {
    CHECK(answer.error().code == "busy");
    CHECK(answer.error().message.find("somebody has it open") != std::string::npos);
  }
}

TEST_CASE("kernel devices: the wait for a busy device may be shorter than the deadline") {
  Devices rig;
  rig.nbd.open.insert(3);
  rig.connect(3, 1h, {}, 50ms);
  rig.wait_for_answers(1);
  CHECK(rig.answers[0].error().code == "busy");
  CHECK(rig.nbd.with([](FakeNbd& nbd) { return nbd.connects; }) > 1);
}

TEST_CASE("kernel devices: a device that another process has connected is refused at once with its name") {
  Devices rig;
  rig.nbd.connectors[7] = {4711, "nbd-client", false};
  rig.connect(7, 1h);
  rig.wait_for_answers(1);
  CHECK(rig.answers[0].error().code == "busy");
  CHECK(rig.answers[0].error().message == "/dev/nbd7 is connected already, by process 4711 (nbd-client)");
}

TEST_CASE("kernel devices: a cancelled connect stops waiting for a busy device") {
  Devices rig;
  rig.nbd.open.insert(3);
  std::stop_source given_up;
  rig.connect(3, 1h, given_up.get_token());
  rig.wait_for_connects(2);
  given_up.request_stop();
  rig.wait_for_answers(1);
  CHECK(rig.answers[0].error().code == "cancelled");
  CHECK(rig.nbd.count() == 0);
}

TEST_CASE("kernel devices: a device that the kernel makes after the cancellation is disconnected") {
  Devices rig;
  std::stop_source given_up;
  rig.nbd.stick(true);
  SECTION("after the deadline") { rig.connect(3, 20ms); }
  SECTION("before its node is there") {
    rig.nbd.has_nodes = false;
    rig.connect(3, 1h, given_up.get_token());
    rig.wait_for_connects(1);
    given_up.request_stop();
    rig.nbd.stick(false);
  }
  rig.wait_for_answers(1);
  CHECK(rig.answers[0].has_error());
  rig.nbd.stick(false);
  for (int tries = 0; rig.nbd.count() > 0 && tries < 1000; ++tries) std::this_thread::sleep_for(10ms);
  CHECK(rig.nbd.count() == 0);
}

TEST_CASE(
    "kernel devices: no device is left if manager and executor are destroyed before the answer arrives") {
  Devices rig;
  rig.connect(3);
  rig.io->poll_one();  // it begins; the answer is not taken
  for (int tries = 0; rig.nbd.count() == 0 && tries < 1000; ++tries) std::this_thread::sleep_for(10ms);
  REQUIRE(rig.nbd.count() == 1);
  rig.manager.reset();
  rig.io.reset();
  for (int tries = 0; rig.nbd.count() > 0 && tries < 1000; ++tries) std::this_thread::sleep_for(10ms);
  CHECK(rig.answers.empty());
  CHECK(rig.nbd.count() == 0);
}
