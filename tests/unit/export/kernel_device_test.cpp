// SPDX-License-Identifier: Apache-2.0
// The thread that talks to the kernel about devices; without any device.
#include "export/kernel_device.hpp"

#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <thread>

using namespace srp_nbd;

TEST_CASE("kernel devices: each order is answered once, in order, on the executor's thread") {
  boost::asio::io_context io;
  KernelDeviceManager devices(io.get_executor());
  std::vector<int> answers;
  for (int i = 0; i < 20; ++i) {
    KernelDeviceOptions options;  // without a socket: refused on the thread, before the kernel is asked
    devices.connect(std::move(options), [&, i](srpi::Result<KernelDevice> device) {
      CHECK(device.error().code == srpi::Errc::invalid_argument);
      answers.push_back(i);
    });
  }
  while (answers.size() < 20 && io.run_one_for(std::chrono::seconds(10)) > 0) {
  }
  REQUIRE(answers.size() == 20);
  CHECK(std::is_sorted(answers.begin(), answers.end()));
}

TEST_CASE("kernel devices: the manager may go while orders are under way") {
  boost::asio::io_context io;
  auto devices = std::make_unique<KernelDeviceManager>(io.get_executor());
  for (int i = 0; i < 20; ++i) devices->connect({}, [](const srpi::Result<KernelDevice>&) {});
  devices.reset();
  io.run_for(std::chrono::milliseconds(20));
}
