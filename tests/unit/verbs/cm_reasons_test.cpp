// SPDX-License-Identifier: Apache-2.0
#include "verbs/cm_reasons.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <set>
#include <string>

#include "support.hpp"

using namespace srpi;
using namespace srpi::verbs;
using verbs::test::has;
using Kind = fabric::ConnectionEvent::Kind;

namespace {
const std::string kAttempt = "connect to 10.0.0.2:5555 over rxe0/1";
}  // namespace

TEST_CASE("each reject reason of the standard has its own text") {
  std::set<std::string> texts;
  for (int reason = 1; reason <= 33; ++reason) texts.insert(reject_reason_text(reason));
  CHECK(texts.size() == 33);
  CHECK(texts.count("unknown reason") == 0);
  for (const int reason : {0, 34, 1000, -1})
    CHECK(reject_reason_text(reason) == std::string("unknown reason"));
}

TEST_CASE("without a listener the error has the address, the reason and what to check") {
  const auto event = rejected(kAttempt, 8);
  CHECK(event.kind == Kind::rejected);
  CHECK_FALSE(event.stale);
  CHECK_FALSE(event.consumer);
  CHECK(event.error.code == Errc::refused);
  CHECK(event.error.detail ==
        "connect to 10.0.0.2:5555 over rxe0/1: no SRP target listens there (CM reject reason 8, invalid "
        "service id); "
        "check the port or service id, and that the target is enabled");
}

TEST_CASE("a consumer reject comes from the target") {
  const auto event = rejected(kAttempt, 28);
  CHECK(event.consumer);
  CHECK(event.error.code == Errc::login_rejected);
}

TEST_CASE("a stale connection can be retried at once") {
  const auto event = rejected(kAttempt, 10);
  CHECK(event.stale);
  CHECK_FALSE(event.consumer);
  CHECK(make_error_code(event.error.code) == Condition::retry_same_path);
}

TEST_CASE("lack of resources can be retried") {
  for (const int reason : {1, 2, 3}) CHECK(rejected(kAttempt, reason).error.code == Errc::login_no_resources);
}

TEST_CASE("iWARP rejects with an errno") {
  const auto event = rejected(kAttempt, -ECONNREFUSED);
  CHECK(event.consumer);
  CHECK(event.error.code == Errc::refused);
  CHECK_FALSE(rejected(kAttempt, -ECONNRESET).consumer);
}

TEST_CASE("the error of a failed resolution says what to do") {
  CHECK(resolve_error(kAttempt, ENODEV).code == Errc::no_device);
  CHECK(has(resolve_error(kAttempt, ENODEV), "rdma link"));
  CHECK(resolve_error(kAttempt, ETIMEDOUT).code == Errc::unreachable);
  CHECK(has(resolve_error(kAttempt, ETIMEDOUT), "ARP"));
  CHECK(resolve_error(kAttempt, EADDRNOTAVAIL).code == Errc::unreachable);
  CHECK(has(resolve_error(kAttempt, EADDRNOTAVAIL), "source address"));
  CHECK(resolve_error(kAttempt, EHOSTUNREACH).code == Errc::unreachable);
  CHECK(resolve_error(kAttempt, EPERM).code == Errc::permission_denied);
  CHECK(resolve_error(kAttempt, EINVAL).code == Errc::invalid_argument);
  CHECK(resolve_error(kAttempt, EPIPE).code == Errc::unreachable);
}

TEST_CASE("losing a connection and failing to make one have different errors") {
  CHECK(loss_error(RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT, kAttempt, false).code == Errc::connect_timed_out);
  CHECK(loss_error(RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT, kAttempt, true).code == Errc::unreachable);
  CHECK(loss_error(RDMA_CM_EVENT_UNREACHABLE, -EHOSTUNREACH, kAttempt, false).code == Errc::unreachable);
  CHECK(loss_error(RDMA_CM_EVENT_DISCONNECTED, 0, kAttempt, true).code == Errc::no_connect);
  CHECK(loss_error(RDMA_CM_EVENT_DISCONNECTED, 0, kAttempt, false).code == Errc::unreachable);
  CHECK(loss_error(RDMA_CM_EVENT_CONNECT_ERROR, -ETIMEDOUT, kAttempt, false).code == Errc::connect_timed_out);
  CHECK(loss_error(RDMA_CM_EVENT_CONNECT_ERROR, -EINVAL, kAttempt, false).code == Errc::unreachable);
  for (const bool established : {false, true})
    CHECK(loss_error(RDMA_CM_EVENT_DEVICE_REMOVAL, 0, kAttempt, established).code == Errc::device_removed);
}
