// SPDX-License-Identifier: Apache-2.0
#include "session/recovery_timers.hpp"

#include <catch2/catch.hpp>

using namespace srpi;
using namespace srpi::session;
using namespace std::chrono_literals;

namespace {

constexpr base::Time kStart{10s};

}  // namespace

TEST_CASE("each timer raises its event once, fast_io_fail first") {
  SessionOptions options;
  options.fast_io_fail = 5000ms;
  options.dev_loss = Milliseconds{5000};
  base::Random random(1);
  RecoveryTimers timers(options, random);
  CHECK(timers.next() == base::kNever);
  timers.on_loss(kStart);
  CHECK(timers.next() == kStart + 5s);
  CHECK_FALSE(timers.take_due(kStart + 4s));
  CHECK(timers.take_due(kStart + 5s) == Event::fast_io_fail_expired);
  CHECK(timers.take_due(kStart + 5s) == Event::dev_loss_expired);
  CHECK_FALSE(timers.take_due(kStart + 5s));
}

TEST_CASE("the delay between attempts doubles up to reconnect_delay, minus at most a quarter") {
  SessionOptions options;
  options.reconnect_first_delay = 1000ms;
  options.reconnect_delay = Milliseconds{4000};
  base::Random random(1);
  RecoveryTimers timers(options, random);
  for (const auto expected : {1000ms, 2000ms, 4000ms, 4000ms}) {
    timers.schedule_retry(kStart);
    CHECK(timers.retry_at() <= kStart + expected);
    CHECK(timers.retry_at() >= kStart + expected - expected / 4);
    CHECK(timers.take_due(timers.retry_at()) == Event::retry_due);
  }
  options.reconnect_delay.reset();
  timers.schedule_retry(kStart);
  CHECK(timers.retry_at() == base::kNever);
}

TEST_CASE("the first automatic attempt waits for a short time, a requested one for connect_timeout") {
  SessionOptions options;
  base::Random random(1);
  RecoveryTimers timers(options, random);
  CHECK(timers.next_patience() == options.connect_timeout);
  timers.on_loss(kStart);
  CHECK(timers.next_patience() == 1s);
  CHECK(timers.next_patience() == 2s);
  timers.forget_patience();
  CHECK(timers.next_patience() == options.connect_timeout);
}

TEST_CASE("a target that drops every connection soon after the login is tried with growing delays") {
  SessionOptions options;
  options.reconnect_first_delay = 1000ms;
  options.reconnect_delay = Milliseconds{4000};
  base::Random random(1);
  RecoveryTimers timers(options, random);
  auto now = kStart;
  const auto live_for = [&](base::Duration time) {
    timers.on_live(now);
    timers.on_loss(now += time);
    return timers.starts_at_once();
  };
  for (std::uint32_t i = 0; i < RecoveryTimers::kShortLives; ++i) CHECK(live_for(10ms));
  for (const auto expected : {1000ms, 2000ms, 4000ms, 4000ms}) {
    CHECK_FALSE(live_for(10ms));
    timers.schedule_retry(now);
    CHECK(timers.retry_at() <= now + expected);
    CHECK(timers.retry_at() >= now + expected - expected / 4);
  }
  CHECK(live_for(RecoveryTimers::kShortLife));  // this one has lived
  CHECK(live_for(10ms));
}

TEST_CASE("dev_loss may change while it runs: it counts from the loss") {
  SessionOptions options;
  base::Random random(1);
  RecoveryTimers timers(options, random);
  timers.on_loss(kStart);
  CHECK(timers.next() == base::kNever);
  options.dev_loss = Milliseconds{5000};
  CHECK(timers.next() == kStart + 5s);
  options.dev_loss.reset();
  CHECK_FALSE(timers.take_due(kStart + 9s));
  options.dev_loss = Milliseconds{3000};
  CHECK(timers.take_due(kStart + 9s) == Event::dev_loss_expired);
  CHECK(timers.next() == base::kNever);
}
