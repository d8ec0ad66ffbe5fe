// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <functional>

#include "support.hpp"

namespace srpi::loopback::test {

using namespace std::chrono_literals;
using fabric::WorkStatus;

namespace {

struct Script : Scheduler {
  base::ManualClock clock;
  std::function<Verdict(const Delivery&)> decide = [](const Delivery&) { return Verdict{}; };
  std::size_t remote_bytes_written = 0;

  base::Time now() const noexcept override { return clock.now(); }
  Verdict judge(const Delivery& delivery) noexcept override { return decide(delivery); }
  base::Duration rnr_delay() noexcept override { return 100us; }
  void on_access(const MemoryAccess& access) noexcept override {
    if (access.remote && access.write) remote_bytes_written += access.bytes;
  }
};

struct Scripted {
  Script script;
  Pair pair{&script, {.rnr_retry_count = 1}};
  Scripted() { pair.connect(); }
  Buffer here{*pair.network.initiator_device(), 4096};
  Buffer there{*pair.network.target_device(), 4096};

  // Advances the clock to the next delivery and makes it.
  bool jump() {
    const auto due = pair.network.next_due();
    if (due == base::kNever) return false;
    if (due > script.clock.now()) script.clock.set(due);
    return pair.network.step();
  }
};

}  // namespace

TEST_CASE("a delayed message arrives when it is due, and messages keep their order") {
  Scripted s;
  for (std::uint64_t i = 0; i < 3; ++i) receive(*s.pair.passive, i, s.there.sge()).value();
  s.script.decide = [](const Delivery& d) {
    return Verdict{.delay = d.work_id == 0 ? base::Duration(5ms) : base::Duration(1ms)};
  };
  const auto start = s.script.clock.now();
  send(*s.pair.active, 0, s.here.sge(0, 1)).value();
  send(*s.pair.active, 1, s.here.sge(0, 2)).value();
  CHECK(s.pair.network.progress() == 0);
  CHECK(s.pair.network.next_due() == start + 5ms);
  s.script.clock.advance(4999us);
  CHECK(s.pair.network.progress() == 0);
  s.script.clock.advance(1us);
  CHECK(s.pair.network.progress() == 4);  // two arrivals, two acknowledgements
  const auto received = poll(*s.pair.passive);
  REQUIRE(received.size() == 2);
  CHECK(received[0].bytes == 1);
  CHECK(received[1].bytes == 2);
  CHECK(s.pair.network.next_due() == base::kNever);
}

TEST_CASE("the answer to a message can arrive before the message's own completion") {
  Scripted s;
  receive(*s.pair.passive, 1, s.there.sge()).value();
  receive(*s.pair.active, 2, s.here.sge(100, 100)).value();
  s.script.decide = [](const Delivery& d) {
    return Verdict{.delay = 1ms,
                   .acknowledgement_delay = d.from_active ? base::Duration(10ms) : base::Duration(0)};
  };
  send(*s.pair.active, 3, s.here.sge(0, 4)).value();
  CHECK(s.jump());
  CHECK(poll(*s.pair.passive).size() == 1);
  send(*s.pair.passive, 4, s.there.sge(0, 4)).value();
  CHECK(s.jump());
  const auto first = poll(*s.pair.active);
  REQUIRE(first.size() == 1);
  CHECK(first[0].receive);
  while (s.jump()) {
  }
  CHECK(poll(*s.pair.active).at(0).id == 3);
}

TEST_CASE("a failing work request may be delivered or not; later requests are flushed") {
  Scripted s;
  const auto fault = GENERATE(Verdict::Fault::fail_delivered, Verdict::Fault::fail_undelivered);
  receive(*s.pair.passive, 1, s.there.sge()).value();
  receive(*s.pair.passive, 2, s.there.sge()).value();
  s.script.decide = [&](const Delivery& d) {
    return d.work_id == 5 ? Verdict{.fault = fault, .status = WorkStatus::retry_exceeded} : Verdict{};
  };
  send(*s.pair.active, 5, s.here.sge(0, 4)).value();
  send(*s.pair.active, 6, s.here.sge(0, 4)).value();
  while (s.jump()) {
  }
  const auto done = poll(*s.pair.active);
  REQUIRE(done.size() == 2);
  CHECK(done[0].status == WorkStatus::retry_exceeded);
  CHECK(done[1].status == WorkStatus::flushed);
  CHECK(poll(*s.pair.passive).size() == (fault == Verdict::Fault::fail_delivered ? 1 : 0));
}

TEST_CASE("receiver not ready delays the send; at the retry limit the connection fails") {
  Scripted s;
  send(*s.pair.active, 1, s.here.sge(0, 4)).value();
  const auto start = s.script.clock.now();
  SECTION("the receive is posted in time") {
    CHECK(s.jump());
    receive(*s.pair.passive, 1, s.there.sge()).value();
    while (s.jump()) {
    }
    CHECK(poll(*s.pair.active).at(0).status == WorkStatus::success);
  }
  SECTION("the receive is posted too late") {
    while (s.jump()) {
    }
    CHECK(poll(*s.pair.active).at(0).status == WorkStatus::rnr_exceeded);
  }
  CHECK(s.script.clock.now() == start + 100us);
}

TEST_CASE("the scheduler sees every access to memory") {
  Scripted s;
  rdma(*s.pair.passive, 1, fabric::SendOpcode::rdma_write, s.there.sge(0, 100), s.here.address(),
       s.here.region->rkey())
      .value();
  while (s.jump()) {
  }
  CHECK(s.script.remote_bytes_written == 100);
}

TEST_CASE("each message of the connection set-up can be lost or refused") {
  Script script;
  const auto kind = GENERATE(Delivery::Kind::resolve, Delivery::Kind::request, Delivery::Kind::reply);
  const auto fault =
      GENERATE(Verdict::Fault::lost, Verdict::Fault::unreachable, Verdict::Fault::reject_stale);
  if (kind == Delivery::Kind::reply && fault != Verdict::Fault::lost) return;
  if (kind == Delivery::Kind::resolve && fault == Verdict::Fault::reject_stale) return;
  script.decide = [&](const Delivery& d) { return d.kind == kind ? Verdict{.fault = fault} : Verdict{}; };
  Pair p(&script);
  p.network.progress();
  auto event = p.active->next_event();
  if (kind != Delivery::Kind::resolve) {
    p.active->create_queues({.send_depth = 1, .receive_depth = 1}).value();
    p.active->connect({}).value();
    p.network.progress();
    if (!p.listener.requests.empty()) {
      p.listener.requests[0]->create_queues({.send_depth = 1, .receive_depth = 1}).value();
      p.listener.requests[0]->accept({}).value();
      p.network.progress();
    }
    event = p.active->next_event();
  }
  if (fault == Verdict::Fault::lost) {
    CHECK_FALSE(event);
  } else if (fault == Verdict::Fault::unreachable) {
    REQUIRE(event);
    CHECK(event->kind == fabric::ConnectionEvent::Kind::failed);
    CHECK(event->error.code == Errc::unreachable);
  } else {
    REQUIRE(event);
    CHECK(event->kind == fabric::ConnectionEvent::Kind::rejected);
    CHECK(event->stale);
  }
  p.active->abort();
  p.network.progress();
  CHECK(p.network.next_due() == base::kNever);
}

TEST_CASE("break_queue_pair reports its status first, then flushes") {
  Scripted s;
  receive(*s.pair.active, 1, s.here.sge()).value();
  receive(*s.pair.active, 2, s.here.sge()).value();
  s.pair.network.break_queue_pair(s.pair.network.last_connection(), true, WorkStatus::fatal);
  const auto done = poll(*s.pair.active);
  REQUIRE(done.size() == 2);
  CHECK(done[0].status == WorkStatus::fatal);
  CHECK(done[1].status == WorkStatus::flushed);
}

}  // namespace srpi::loopback::test
