// SPDX-License-Identifier: Apache-2.0
// Rows of the fault matrix about the connection: outages, completion statuses, logins.
#include <set>
#include <string>

#include "scenario.hpp"

using namespace srpi;
using namespace srpi::sim;
using loopback::Delivery;
using loopback::Verdict;
using session::State;

TEST_CASE("row 1: if the target dies, I/O fails at once; it works again when the target is back") {
  Scenario s;
  REQUIRE(s.live());
  s.submit(8);
  REQUIRE(s.run_until([&] { return s.wire().outstanding() > 0; }, seconds(1)));
  const auto died = s.now();
  s.target().set_online(false);
  REQUIRE(s.idle(milliseconds(1)));
  CHECK(s.workload().ended_with(Errc::no_connect) > 0);
  CHECK(s.now() - died < milliseconds(1));
  CHECK(s.state() == State::lost);
  s.target().set_online(true);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE("row 1: new I/O is held while fast_io_fail runs, and succeeds if the target is back in time") {
  auto plan = quiet_plan();
  plan.options.fast_io_fail = milliseconds(500);
  plan.options.dev_loss.reset();
  Scenario s(plan);
  REQUIRE(s.live());
  s.target().set_online(false);
  REQUIRE(s.reaches(State::recovering));
  const auto failed = s.workload().ended_with(Errc::no_connect);
  s.submit(8);
  s.run_for(milliseconds(50));
  s.target().set_online(true);
  REQUIRE(s.live());
  REQUIRE(s.idle());
  CHECK(s.workload().ended_with(Errc::no_connect) == failed);
  CHECK(s.ends_well());
}

TEST_CASE("row 1: held I/O fails when fast_io_fail ends") {
  auto plan = quiet_plan();
  plan.options.fast_io_fail = milliseconds(50);
  Scenario s(plan);
  REQUIRE(s.live());
  s.target().set_online(false);
  REQUIRE(s.reaches(State::recovering));
  s.submit(8);
  s.run_for(milliseconds(49));
  CHECK(s.state() == State::recovering);
  REQUIRE(s.reaches(State::lost));
  REQUIRE(s.idle(milliseconds(1)));
  s.target().set_online(true);
  CHECK(s.ends_well());
}

TEST_CASE(
    "row 4: a target without receives for longer than the retries is a loss, and the session recovers") {
  Scenario s;
  REQUIRE(s.live());
  int fired = 0;
  s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
    if (d.kind != Delivery::Kind::send || !d.from_active || fired > 0) return std::nullopt;
    ++fired;
    return Verdict{.fault = Verdict::Fault::fail_undelivered, .status = fabric::WorkStatus::rnr_exceeded};
  };
  s.submit(8);
  REQUIRE(s.idle());
  CHECK(fired == 1);
  CHECK(s.session().status().losses == 1);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE("row 5: each failed completion status ends the connection once and is reported as the cause") {
  using enum fabric::WorkStatus;
  for (const auto status :
       {retry_exceeded, rnr_exceeded, remote_access, remote_operation, local_error, fatal})
    for (const auto fault : {Verdict::Fault::fail_delivered, Verdict::Fault::fail_undelivered})
      for (const int which : {0, 3, 7}) {
        INFO(fabric::to_string(status)
             << ", " << (fault == Verdict::Fault::fail_delivered ? "" : "not ") << "delivered, " << which);
        Scenario s;
        REQUIRE(s.live());
        int seen = 0;
        s.on_delivery = [&](const Delivery& d) -> std::optional<Verdict> {
          if (d.kind != Delivery::Kind::send || !d.from_active || seen++ != which) return std::nullopt;
          return Verdict{.fault = fault, .status = status};
        };
        for (int i = 0; i < 4; ++i) s.submit(4);
        Error cause;
        REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
        CHECK(seen > which);
        cause = s.session().status().last_error;
        CHECK(cause.detail.find(fabric::to_string(status)) != std::string::npos);
        REQUIRE(s.live());
        CHECK(s.session().status().losses == 1);
        CHECK(s.ends_well());
      }
}

TEST_CASE(
    "row 6: removing the device is a loss and fails I/O once; the session recovers over another device") {
  Scenario s;
  REQUIRE(s.live());
  s.submit(8);
  REQUIRE(s.run_until([&] { return s.wire().outstanding() > 0; }, seconds(1)));
  s.inject(Fault::device_removed);
  REQUIRE(s.idle(milliseconds(5)));
  CHECK(s.workload().ended_with(Errc::no_connect) > 0);
  REQUIRE(s.live());
  CHECK(s.session().status().device == "spare1");
  CHECK(s.ends_well());
}

TEST_CASE(
    "row 7: every reject reason has its own text; permanent ones stop the session, others are retried") {
  std::set<std::string> words;
  for (const std::uint32_t reason :
       {0x10000, 0x10001, 0x10002, 0x10003, 0x10004, 0x10005, 0x10006, 0x10099}) {
    INFO("reason " << reason);
    Scenario s;
    s.target().reject_logins(static_cast<wire::RejectReason>(reason));
    REQUIRE(s.run_until([&] { return !s.attempt_errors().empty(); }, seconds(1)));
    const auto error = s.attempt_errors().front();
    CHECK(words.insert(error.detail).second);
    s.run_for(seconds(2));
    if (wire::is_temporary(static_cast<wire::RejectReason>(reason))) {
      CHECK(error.code == Errc::login_no_resources);
      CHECK(s.state() == State::lost);
      CHECK(s.attempt_errors().size() > 5);
      CHECK(s.attempt_errors().size() < 40);  // 100 ms between them, later
    } else {
      CHECK(error.code == Errc::login_rejected);
      CHECK(s.state() == State::stopped);
      CHECK(s.attempt_errors().size() == 1);
    }
    CHECK(s.target().counters().rejects >= s.attempt_errors().size());
    s.target().reject_logins(std::nullopt);
    CHECK(s.ends_well());
  }
}

TEST_CASE("row 8: an impossible login response is a protocol error and makes no session") {
  using Bend = std::function<void(wire::LoginResponse&)>;
  const std::pair<const char*, Bend> bends[] = {
      {"another login's tag", [](auto& r) { r.tag ^= 1; }},
      {"request limit 0", [](auto& r) { r.request_limit = 0; }},
      {"negative request limit", [](auto& r) { r.request_limit = -1; }},
      {"huge request limit", [](auto& r) { r.request_limit = 0x7fffffff; }},
      {"requests too small for a command", [](auto& r) { r.max_it_iu_bytes = 60; }},
      {"no common descriptor format", [](auto& r) { r.direct_descriptors = r.indirect_descriptors = false; }},
  };
  for (const auto& [name, bend] : bends) {
    INFO(name);
    Scenario s;
    s.target().set_login_response_hook(bend);
    REQUIRE(s.run_until([&] { return s.attempt_errors().size() >= 2; }, seconds(2)));
    for (const auto& error : s.attempt_errors()) CHECK(error.code == Errc::protocol_error);
    CHECK(s.wire().commands() == 0);
    CHECK(s.session().logical_units().empty());
    s.target().set_login_response_hook({});
    REQUIRE(s.live());
    CHECK(s.ends_well());
  }
}

TEST_CASE("row 8: a login response that is cut or has another opcode is a protocol error") {
  for (std::size_t bytes = 0; bytes <= 52; ++bytes) {
    INFO(bytes << " bytes");
    Scenario s;
    int fired = 0;
    s.on_connection_event = [&](fabric::ConnectionEvent& event) {
      if (event.kind != fabric::ConnectionEvent::Kind::established || fired > 0) return;
      ++fired;
      if (bytes == 52)
        event.private_data[0] = std::byte{0xc1};
      else
        event.private_data_bytes = bytes;
    };
    REQUIRE(s.live());
    CHECK(fired == 1);
    REQUIRE(s.attempt_errors().size() == 1);
    CHECK(s.attempt_errors().front().code == Errc::protocol_error);
    CHECK(s.ends_well());
  }
}

TEST_CASE("row 9: if any message of the login is lost, refused or the last one, the attempt fails once") {
  enum class How { lost, unreachable, stale, disconnect };
  using Kind = Delivery::Kind;
  const std::pair<Kind, How> cases[] = {
      {Kind::resolve, How::lost},      {Kind::resolve, How::unreachable},
      {Kind::request, How::lost},      {Kind::request, How::unreachable},
      {Kind::request, How::stale},     {Kind::reply, How::lost},
      {Kind::ready_to_use, How::lost}, {Kind::request, How::disconnect},
      {Kind::reply, How::disconnect},  {Kind::ready_to_use, How::disconnect},
  };
  for (const auto& [kind, how] : cases) {
    INFO(loopback::to_string(kind) << ", " << static_cast<int>(how));
    Scenario s;
    int fired = 0;
    s.on_delivery = [&, kind = kind, how = how](const Delivery& d) -> std::optional<Verdict> {
      if (d.kind != kind || fired > 0) return std::nullopt;
      ++fired;
      switch (how) {
        case How::lost: return Verdict{.fault = Verdict::Fault::lost};
        case How::unreachable: return Verdict{.fault = Verdict::Fault::unreachable};
        case How::stale: return Verdict{.fault = Verdict::Fault::reject_stale};
        case How::disconnect: return std::nullopt;
      }
      return std::nullopt;
    };
    if (how == How::disconnect) {
      REQUIRE(s.run_until([&] { return fired == 1; }, seconds(1)));
      s.target().set_online(false);
      s.run_for(milliseconds(1));
      s.target().set_online(true);
    }
    REQUIRE(s.live());
    CHECK(fired == 1);
    // A stale connection and a lost ready_to_use do not fail the attempt.
    CHECK(s.attempt_errors().size() <= 2);
    if (how == How::unreachable || (how == How::lost && kind != Kind::ready_to_use))
      CHECK(s.attempt_errors().size() == 1);
    CHECK(s.session().status().losses == 0);
    CHECK(s.ends_well());
  }
}

TEST_CASE("row 9: the connection ends at any command of the proof") {
  int commands = 0;
  {
    Scenario s;
    s.on_command = [&](const auto&) -> std::optional<target::Outcome> { return ++commands, std::nullopt; };
    REQUIRE(s.live());
  }
  REQUIRE(commands > 5);
  for (int at = 1; at <= commands; ++at) {
    INFO("command " << at << " of " << commands);
    Scenario s;
    int seen = 0;
    s.on_command = [&](const auto&) -> std::optional<target::Outcome> {
      if (++seen != at) return std::nullopt;
      s.network().disconnect(s.network().last_connection(), true);
      return std::nullopt;
    };
    REQUIRE(s.live());
    CHECK(seen > at);
    CHECK(s.attempt_errors().size() == 1);
    CHECK(s.ends_well());
  }
}
