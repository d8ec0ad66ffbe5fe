// SPDX-License-Identifier: Apache-2.0
// An operator's abort and reset: each unit answers for itself, and the caller is told once.
#include <boost/asio/io_context.hpp>

#include "catch2/catch.hpp"
#include "daemon/unit_functions.hpp"
#include "test/awaited.hpp"
#include "test/fake_session.hpp"

using namespace srp_nbd;
using srpi::Errc;

namespace {

struct Functions {
  Functions() { session.add_unit(5, 8); }
  void ask(UnitFunction function, std::optional<std::uint64_t> lun = {}) {
    auto started = run_unit_function(session, function, lun, "a", io.get_executor());
    if (started)
      collect(io, answers, all_of("a", std::move(*started)));
    else
      failures.push_back(started.error());
  }
  std::size_t count_answers() {
    io.restart();
    io.poll();
    return answers.size();
  }
  const std::string& message_of(std::size_t unit, std::size_t answer) const {
    return answers.at(answer).luns.at(unit).error.value().message;
  }

  FakeSession session{8};
  boost::asio::io_context io;
  std::vector<UnitTaskAnswer> answers;
  std::vector<Failure> failures;
};

}  // namespace

TEST_CASE("reset and abort: of all units or of one, answered after the last unit's answer") {
  Functions rig;
  rig.ask(UnitFunction::reset);
  CHECK(rig.count_answers() == 0);
  CHECK(rig.session.unit(0).resets.size() == 1);
  CHECK(rig.session.unit(1).resets.size() == 1);
  rig.session.unit(0).answer_tasks(Errc::ok);
  CHECK(rig.count_answers() == 0);
  rig.session.poll();
  REQUIRE(rig.count_answers() == 1);
  REQUIRE(rig.answers[0].luns.size() == 2);
  CHECK(rig.answers[0].luns[1].lun == 5);
  rig.ask(UnitFunction::abort, 5);
  CHECK(rig.session.unit(0).aborts.empty());
  CHECK(rig.session.unit(1).aborts.size() == 1);
  rig.session.poll();
  CHECK(rig.count_answers() == 2);
}

TEST_CASE("a failed reset reports the unit, the reason and what to do; other units succeed") {
  Functions rig;
  rig.session.unit(1).task_status = Errc::timed_out;
  rig.ask(UnitFunction::reset);
  rig.session.poll();
  REQUIRE(rig.count_answers() == 1);
  const auto answer = rig.answers[0];
  CHECK(answer.name == "a");
  CHECK(answer.luns[0].ok);
  CHECK_FALSE(answer.luns[0].error);
  CHECK_FALSE(answer.luns[1].ok);
  CHECK(answer.luns[1].error->code == "timed_out");
  CHECK(rig.message_of(1, 0).find("`srp-nbd disconnect a`") != std::string::npos);
  for (const auto code : {Errc::not_supported, Errc::target_error}) {
    rig.session.unit(1).task_status = code;
    rig.ask(UnitFunction::reset, 5);
    rig.session.poll();
    CHECK(rig.message_of(0, rig.count_answers() - 1).find("the target") == 0);
  }
}

TEST_CASE("a session that ends meanwhile answers all orders") {
  Functions rig;
  rig.ask(UnitFunction::reset);
  rig.ask(UnitFunction::reset, 0);
  rig.ask(UnitFunction::abort);
  (void)rig.session.disconnect();
  REQUIRE(rig.count_answers() == 3);
  std::string messages;
  for (const auto& answer : rig.answers)
    for (const auto& unit : answer.luns) {
      CHECK(unit.error.value().code == "no_connect");
      messages += unit.error->message + '\n';
    }
  CHECK(messages.find("not by the abort but with the connection") != std::string::npos);
  CHECK(messages.find("not reset: the session is disconnected by fault") != std::string::npos);
  CHECK(messages.find("`srp-nbd reconnect a`") != std::string::npos);
}

TEST_CASE("abort and reset without units") {
  Functions rig;
  rig.ask(UnitFunction::reset, 7);
  REQUIRE(rig.failures.size() == 1);
  CHECK(rig.failures[0].code == "no_such_lun");
  CHECK(rig.failures[0].message.find("expected one of 0, 5") != std::string::npos);
  rig.session.units.clear();
  rig.session.current = srpi::SessionState::connecting;
  rig.ask(UnitFunction::abort);
  REQUIRE(rig.failures.size() == 2);
  CHECK(rig.failures[1].code == "wrong_state");
}

TEST_CASE("a rescan answers after the session's search, or says why there was none and what to do") {
  Functions rig;
  std::vector<Outcome<>> got;
  const auto ask = [&] {
    collect(rig.io, got, run_rescan(rig.session, "a", rig.io.get_executor()).wait());
    (void)rig.count_answers();
  };
  ask();
  CHECK(got.empty());
  rig.session.poll();
  (void)rig.count_answers();
  REQUIRE(got.size() == 1);
  CHECK(got[0].has_value());

  rig.session.rescan_error = {Errc::busy, "LUN 0 answers REPORT LUNS with BUSY"};
  ask();
  rig.session.poll();
  (void)rig.count_answers();
  REQUIRE(got.size() == 2);
  CHECK(got[1].error().code == "busy");
  CHECK(got[1].error().message.find("no rescan: ") == 0);
  CHECK(got[1].error().message.find("REPORT LUNS") != std::string::npos);

  ask();
  (void)rig.session.disconnect();
  (void)rig.count_answers();
  REQUIRE(got.size() == 3);
  CHECK(got[2].error().code == "no_connect");
  CHECK(got[2].error().message.find("`srp-nbd reconnect a`") != std::string::npos);
}
