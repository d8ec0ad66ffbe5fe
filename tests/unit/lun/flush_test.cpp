// SPDX-License-Identifier: Apache-2.0
// A flush where there is nothing to flush.
#include <catch2/catch.hpp>

#include "durable_rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using session::State;

namespace {

target::TargetConfig uncached() {
  auto config = cached();
  config.luns[0].volatile_cache = false;
  return config;
}

Errc flush(Rig& rig) {
  int completions = 0;
  IoRequest request;
  request.operation = IoOperation::flush;
  request.context = &completions;
  request.on_complete = [](IoRequest& r) noexcept { ++*static_cast<int*>(r.context); };
  rig.units[0]->submit(request);
  CHECK(completions == 0);
  rig.settle();
  CHECK(completions == 1);
  return request.status;
}

}  // namespace

TEST_CASE(
    "a flush of a unit without a volatile cache needs no command, also during an outage with held I/O") {
  Durable rig(holding(), uncached());
  CHECK(flush(rig) == Errc::ok);
  CHECK(rig.count(kFlush) == 0);
  rig.fail_power();
  REQUIRE(rig.nexus->state() == State::recovering);
  CHECK(flush(rig) == Errc::ok);
}

TEST_CASE("a flush fails if I/O fails, also for a unit without a volatile cache") {
  const bool has_cache = GENERATE(false, true);
  Durable rig({}, has_cache ? cached() : uncached());
  SECTION("lost by accident") {
    rig.fail_power();
    rig.settle();
    REQUIRE(rig.nexus->state() == State::lost);
    CHECK(flush(rig) == Errc::no_connect);
  }
  SECTION("disconnected by the administrator, being connected anew") {
    rig.nexus->disconnect();
    CHECK(flush(rig) == Errc::no_connect);
    rig.fabric.silent = true;
    rig.nexus->reconnect();
    REQUIRE(rig.nexus->state() == State::connecting);
    CHECK(flush(rig) == Errc::no_connect);
    rig.fabric.silent = false;
    rig.come_back();
    CHECK(flush(rig) == Errc::ok);
  }
  SECTION("erased") {
    rig.nexus->erase();
    CHECK(flush(rig) == Errc::no_connect);
  }
}
