// SPDX-License-Identifier: Apache-2.0
// How long a session holds an RDMA device. The device's removal waits until nothing is registered there.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;

namespace {

struct Holder : Rig {
  explicit Holder(SessionOptions o = {}) : Rig(std::move(o)), device(network.initiator_device()) {}
  // Everything of a session that is registered somewhere has a reference.
  [[nodiscard]] bool holds(const std::shared_ptr<loopback::Device>& d) {
    return d.use_count() > 1 + (d == device ? 1 : 0) + (d == fabric.device ? 1 : 0);
  }
  void lose() {
    target->set_online(false);
    while (nexus->state() == State::live) turn(), clock.advance(1ms);
    settle();
  }
  [[nodiscard]] bool serves(Io& io) {
    units[0]->submit(io.request);
    settle();
    return io.request.status == Errc::ok;
  }
  const std::shared_ptr<loopback::Device> device;
};

}  // namespace

TEST_CASE("row 6: a removed RDMA device is released at once with all its registrations") {
  Holder rig;
  Io io(rig, IoOperation::read, 8);
  REQUIRE(rig.serves(io));
  REQUIRE(rig.holds(rig.device));
  const auto other = rig.network.add_device("other");
  rig.network.remove_device(*rig.device);
  rig.settle();
  CHECK(rig.nexus->state() != State::live);
  CHECK_FALSE(rig.holds(rig.device));
  CHECK(io.memory->rkey() == 0);

  rig.fabric.device = other;
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.serves(io));
}

TEST_CASE("an RDMA device is released if an attempt does not reach it") {
  // Only connections hear of a removal. One that is announced between them is noticed by this.
  Holder rig;
  Io io(rig, IoOperation::read, 8);
  rig.lose();
  REQUIRE(rig.holds(rig.device));
  rig.fabric.device = rig.network.add_device("nowhere");
  rig.network.remove_device(*rig.fabric.device);
  rig.pass_in_steps(1s);
  CHECK_FALSE(rig.holds(rig.device));

  rig.fabric.device = rig.device;
  rig.target->set_online(true);
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.serves(io));
}

TEST_CASE("a session without attempts releases its RDMA device, and reconnect finds it again") {
  SECTION("disconnected by the administrator") {
    Holder rig;
    Io io(rig, IoOperation::read, 8);
    rig.nexus->disconnect();
    CHECK(rig.nexus->has_work());
    rig.settle();
    CHECK_FALSE(rig.nexus->has_work());
    CHECK_FALSE(rig.holds(rig.device));
    rig.nexus->reconnect();
    rig.come_back();
    REQUIRE(rig.nexus->state() == State::live);
    CHECK(rig.serves(io));
  }
  SECTION("lost, and not to try by itself") {
    SessionOptions options;
    options.reconnect_delay.reset();
    Holder rig(options);
    rig.lose();
    CHECK_FALSE(rig.holds(rig.device));
  }
  SECTION("erased, while memory is still registered with the session") {
    Holder rig;
    Io io(rig, IoOperation::read, 8);
    rig.nexus->erase();
    CHECK_FALSE(rig.holds(rig.device));
  }
}

TEST_CASE("memory stays registered over an outage if the RDMA device stays") {
  Holder rig;
  Io io(rig, IoOperation::read, 8);
  REQUIRE(rig.serves(io));
  const auto key = io.memory->rkey();
  rig.lose();
  rig.pass_in_steps(1s);  // some attempts fail
  CHECK(io.memory->rkey() == key);
  rig.target->set_online(true);
  rig.come_back();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(io.memory->rkey() == key);
  CHECK(rig.serves(io));
}
