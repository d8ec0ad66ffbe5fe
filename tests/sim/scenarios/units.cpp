// SPDX-License-Identifier: Apache-2.0
// Rows of the fault matrix about information units: malformed units, tags, residuals, credits, requests of
// the target.
#include "units.hpp"

#include "scenario.hpp"
#include "wire/opcode.hpp"

using namespace srpi;
using namespace srpi::sim;
using session::State;
using target::Outcome;

namespace {

std::vector<std::byte> good(std::uint64_t tag, std::int32_t delta) {
  wire::Response response;
  response.tag = tag;
  response.request_limit_delta = delta;
  return response_unit(response);
}

// Answers the first block command of a live session with these bytes.
void answer_first(Scenario& s, int& fired, const std::function<std::vector<std::byte>(std::uint64_t)>& unit) {
  s.on_command = [&fired, unit](const target::CommandInfo& c) -> std::optional<Outcome> {
    if (!is_block_io(c) || fired > 0) return std::nullopt;
    ++fired;
    return Outcome::answer_with(unit(c.tag));
  };
}

// Submits until a block command is sent, then waits until all requests have ended.
void some_io(Scenario& s) {
  for (int i = 0; i < 4; ++i) {
    s.submit(6);
    s.idle();
  }
}

void expect_protocol_error(const std::function<std::vector<std::byte>(std::uint64_t)>& unit) {
  Scenario s;
  REQUIRE(s.live());
  int fired = 0;
  answer_first(s, fired, unit);
  s.submit(8);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
  CHECK(fired == 1);
  CHECK(s.session().status().last_error.code == Errc::protocol_error);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

}  // namespace

TEST_CASE(
    "row 3: receives suffice with every credit in use, target requests between, and a session that polls "
    "late") {
  auto plan = quiet_plan();
  plan.depth = 24;
  plan.options.queue_depth = 32;  // more than the target's limit
  plan.most_blocks = 1;
  Scenario s(plan);
  REQUIRE(s.live());
  std::size_t most = 0;
  for (int i = 0; i < 50; ++i) {
    s.submit(24);
    s.inject(Fault::slow_session);
    s.inject(Fault::credit_storm);
    s.run_until(
        [&] { return most = std::max(most, s.wire().outstanding()), s.workload().outstanding() == 0; },
        seconds(1));
  }
  CHECK(most >= 23);     // all but the one kept for task management
  CHECK(s.ends_well());  // checker 5 looks at every request that is sent
}

TEST_CASE("row 3: the checker finds missing receives") {
  Scenario s(quiet_plan(), {.canary = Canary::few_receives});
  s.live();
  for (int i = 0; i < 8; ++i) s.submit(8);
  s.idle();
  REQUIRE(s.checks().failure());
  CHECK(s.checks().failure()->checker == Checker::posted_receives);
}

TEST_CASE("row 10: a response cut at any byte is a protocol error, and the session comes back") {
  for (std::size_t bytes = 0; bytes < 36; ++bytes) {
    INFO(bytes << " bytes");
    expect_protocol_error([&](std::uint64_t tag) {
      auto unit = good(tag, 1);
      unit.resize(bytes);
      return unit;
    });
  }
}

TEST_CASE("row 10: lengths of sense and response data beyond the unit are a protocol error") {
  for (const std::size_t field : {28, 32})
    for (const int bit : {0, 1, 7, 15, 31}) {
      INFO("field at " << field << ", bit " << bit);
      expect_protocol_error([&](std::uint64_t tag) {
        auto unit = good(tag, 1);
        unit[18] = static_cast<std::byte>(field == 28 ? wire::kSenseValid : wire::kResponseDataValid);
        unit[field + 3 - static_cast<std::size_t>(bit / 8)] = static_cast<std::byte>(1u << bit % 8);
        return unit;
      });
    }
}

TEST_CASE("row 10: a unit that targets do not send after the login is a protocol error") {
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    if (opcode == 0xc1 || (opcode >= 0x80 && opcode <= 0x82)) continue;
    INFO("opcode " << opcode);
    expect_protocol_error([&](std::uint64_t) {
      std::vector<std::byte> unit(64);
      unit[0] = static_cast<std::byte>(opcode);
      return unit;
    });
  }
}

TEST_CASE("row 11: a unit longer than the receive is a queue pair error, and the session recovers") {
  Scenario s;
  REQUIRE(s.live());
  s.submit(8);
  s.inject(Fault::oversize_unit);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
  CHECK(s.session().status().last_error.code == Errc::no_connect);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE(
    "row 12: an answer to an unknown tag is counted and its credit applied; too many end the connection") {
  Scenario s;
  REQUIRE(s.live());
  const auto credits = s.wire().credits();
  for (int i = 0; i < 8; ++i) {
    s.target().send_raw(good(0xdead0000u + static_cast<unsigned>(i), 0));
    s.run_for(milliseconds(1));
  }
  s.target().send_raw(good(0xdead1000u, 1));
  CHECK(s.session().status().losses == 0);
  CHECK(s.wire().credits() == credits);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
  CHECK(s.session().status().last_error.code == Errc::protocol_error);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE("row 13: a second answer to a finished request does not complete a newer request") {
  Scenario s;
  REQUIRE(s.live());
  some_io(s);
  int sent = 0;
  for (std::uint64_t i = 0; i < 6; ++i) {
    s.submit(4);  // reuses the slots with new tags
    s.target().send_raw(good(s.wire().answered_tag(i * 7), 0));
    ++sent;
    REQUIRE(s.idle());
  }
  CHECK(sent == 6);
  CHECK(s.session().status().losses == 0);
  CHECK(s.ends_well());
}

TEST_CASE("row 14: a transfer with a residual is not reported as complete") {
  for (const bool over : {false, true}) {
    Scenario s;
    REQUIRE(s.live());
    int fired = 0;
    s.on_command = [&](const target::CommandInfo& c) -> std::optional<Outcome> {
      if (!is_block_io(c) || fired > 0) return std::nullopt;
      ++fired;
      const bool read = is_read(c);
      wire::Response response;
      response.tag = c.tag;
      response.request_limit_delta = 1;
      response.flags = read ? wire::kDataInUnder : wire::kDataOutUnder;
      (read ? response.data_in_residual_bytes : response.data_out_residual_bytes) = over ? 0xffffffffu : 512;
      return Outcome::answer_with(response_unit(response));
    };
    some_io(s);
    CHECK(fired == 1);
    CHECK(s.workload().ended_with(Errc::short_transfer) == 1);
    CHECK(s.session().status().losses == 0);
    CHECK(s.ends_well());
  }
}

TEST_CASE("row 15: a credit that overflows the limit is a protocol error") {
  Scenario s;
  REQUIRE(s.live());
  s.target().send_credit_request(0x7fffffff);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
  CHECK(s.session().status().last_error.code == Errc::protocol_error);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE(
    "row 15: credits that do not come back are a loss after the command deadline; the next login has new "
    "ones") {
  auto plan = quiet_plan();
  plan.options.keepalive = milliseconds(20);
  Scenario s(plan);
  REQUIRE(s.live());
  s.target().send_credit_request(-100);
  s.run_for(milliseconds(1));
  CHECK(s.wire().credits() < 0);
  s.submit(8);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, milliseconds(150)));
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE("row 15: many SRP_CRED_REQ are answered one by one while I/O goes on") {
  Scenario s;
  REQUIRE(s.live());
  for (int i = 0; i < 10; ++i) {
    s.submit(8);
    s.inject(Fault::credit_storm);
    REQUIRE(s.idle());
  }
  REQUIRE(s.run_until([&] { return s.target().counters().target_answers == 200; }, seconds(1)));
  CHECK(s.session().status().losses == 0);
  CHECK(s.ends_well());
}

TEST_CASE("row 16: SRP_AER_REQ is answered") {
  Scenario s;
  REQUIRE(s.live());
  s.submit(8);
  s.inject(Fault::async_event);
  REQUIRE(s.run_until([&] { return s.target().counters().target_answers == 1; }, seconds(1)));
  REQUIRE(s.idle());
  CHECK(s.session().status().losses == 0);
  CHECK(s.ends_well());
}

TEST_CASE("row 16: SRP_T_LOGOUT is a loss with its reason, and the session recovers") {
  Scenario s;
  REQUIRE(s.live());
  s.submit(8);
  s.target().send_logout(wire::LogoutReason::inactive);
  REQUIRE(s.run_until([&] { return s.session().status().losses == 1; }, seconds(1)));
  CHECK(s.session().status().last_error.detail.find("logged us out") != std::string::npos);
  REQUIRE(s.live());
  CHECK(s.ends_well());
}

TEST_CASE("row 16: unit attentions of every kind are retried, and requests succeed") {
  for (const auto condition :
       {scsi::kCapacityChanged, scsi::kBusDeviceReset, scsi::kPowerOnOrReset, scsi::kModeParametersChanged}) {
    Scenario s;
    REQUIRE(s.live());
    REQUIRE(s.target().raise_attention(0, condition));
    some_io(s);
    CHECK(s.workload().ended_with(Errc::unit_attention) == 0);
    CHECK(s.session().status().losses == 0);
    CHECK(s.ends_well());
  }
}
