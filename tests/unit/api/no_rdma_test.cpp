// SPDX-License-Identifier: Apache-2.0
// A machine without RDMA, which may get some later.
#include <catch2/catch.hpp>
#include <filesystem>
#include <vector>

#include "srpi/session.hpp"

using namespace srpi;

namespace {

struct Observer final : SessionObserver {
  void on_state(SessionState, SessionState, const Error&) override {}
  void on_attempt_failed(const Error& error) override { failures.push_back(error); }
  std::vector<Error> failures;
};

}  // namespace

TEST_CASE("without RDMA a session can be created; its attempts fail with what is missing and go on") {
  if (std::filesystem::exists("/sys/class/infiniband")) return;  // there may be some
  Observer observer;
  const auto session = Session::create(
      parse_target("srp://192.0.2.1:5555/?id_ext=1&ioc_guid=2").value().address, {}, &observer);
  REQUIRE(session.has_value());
  while ((*session)->poll() > 0) {
  }
  REQUIRE(observer.failures.size() == 1);
  CHECK(observer.failures[0].code == Errc::no_device);
  CHECK_FALSE(observer.failures[0].detail.empty());
  CHECK((*session)->state() == SessionState::disconnected);
  CHECK((*session)->status().next_attempt_in.has_value());
}
