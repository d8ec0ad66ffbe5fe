// SPDX-License-Identifier: Apache-2.0
// An operator's abort and reset: each unit answers for itself, and the caller is told once.
#include "catch2/catch.hpp"
#include "daemon/unit_functions.hpp"
#include "test/fake_session.hpp"

using namespace srp_nbd;
using srpi::Errc;

namespace {

struct Functions {
  Functions() { session.add_unit(5, 8); }
  void ask(UnitFunction function, std::optional<std::uint64_t> lun = {}) {
    run_unit_function(session, function, lun, [this](Outcome<UnitFunctionReport> o) {
      ++answers;
      outcome = std::move(o);
    });
  }
  std::string message_of(UnitFunction function, std::size_t unit) const {
    return make_answer(function, "a", *outcome).luns.at(unit).error.value().message;
  }

  FakeSession session{8};
  int answers = 0;
  Outcome<UnitFunctionReport> outcome;
};

}  // namespace

TEST_CASE("reset and abort: of all units or of one, answered after the last unit's answer") {
  Functions rig;
  rig.ask(UnitFunction::reset);
  CHECK(rig.answers == 0);
  CHECK(rig.session.unit(0).resets.size() == 1);
  CHECK(rig.session.unit(1).resets.size() == 1);
  rig.session.unit(0).answer_tasks(Errc::ok);
  CHECK(rig.answers == 0);
  rig.session.poll();
  REQUIRE(rig.answers == 1);
  REQUIRE(rig.outcome->units.size() == 2);
  CHECK(rig.outcome->units[1].lun == 5);
  rig.ask(UnitFunction::abort, 5);
  CHECK(rig.session.unit(0).aborts.empty());
  CHECK(rig.session.unit(1).aborts.size() == 1);
  rig.session.poll();
  CHECK(rig.answers == 2);
}

TEST_CASE("a failed reset reports the unit, the reason and what to do; other units succeed") {
  Functions rig;
  rig.session.unit(1).task_status = Errc::timed_out;
  rig.ask(UnitFunction::reset);
  rig.session.poll();
  REQUIRE(rig.answers == 1);
  const auto answer = make_answer(UnitFunction::reset, "a", *rig.outcome);
  CHECK(answer.luns[0].ok);
  CHECK_FALSE(answer.luns[0].error);
  CHECK_FALSE(answer.luns[1].ok);
  CHECK(answer.luns[1].error->code == "timed_out");
  CHECK(rig.message_of(UnitFunction::reset, 1).find("`srp-nbd disconnect a`") != std::string::npos);
  for (const auto code : {Errc::not_supported, Errc::target_error}) {
    rig.session.unit(1).task_status = code;
    rig.ask(UnitFunction::reset, 5);
    rig.session.poll();
    CHECK(rig.message_of(UnitFunction::reset, 0).find("the target") == 0);
  }
}

TEST_CASE("a session that ends meanwhile answers all orders") {
  Functions rig;
  rig.ask(UnitFunction::reset);
  rig.ask(UnitFunction::reset, 0);
  rig.ask(UnitFunction::abort);
  (void)rig.session.disconnect();
  CHECK(rig.answers == 3);
  CHECK(rig.outcome->units[0].status == Errc::no_connect);
  CHECK(rig.message_of(UnitFunction::abort, 0).find("not by the abort but with the connection") !=
        std::string::npos);
  CHECK(rig.message_of(UnitFunction::reset, 0).find("`srp-nbd reconnect a`") != std::string::npos);
}

TEST_CASE("abort and reset without units") {
  Functions rig;
  rig.ask(UnitFunction::reset, 7);
  CHECK(rig.answers == 1);
  REQUIRE(rig.outcome.has_error());
  CHECK(rig.outcome.error().code == "no_such_lun");
  CHECK(rig.outcome.error().message.find("expected one of 0, 5") != std::string::npos);
  rig.session.units.clear();
  rig.session.current = srpi::SessionState::connecting;
  rig.ask(UnitFunction::abort);
  CHECK(rig.answers == 2);
  CHECK(rig.outcome.error().code == "wrong_state");
}
