// SPDX-License-Identifier: Apache-2.0
// Units that the target adds, removes and brings back while the session is live.
#include <catch2/catch.hpp>

#include "rig.hpp"
#include "scsi/report_luns.hpp"
#include "target/quirk.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::Opcode;
using scsi::SenseKey;
using session::State;
using target::Outcome;
using target::Quirk;

namespace {

target::LunConfig unit_at(std::uint16_t number, const std::string& name = "added") {
  return {.number = number, .bytes = Rig::kDiskBytes, .max_bytes = 2 * Rig::kDiskBytes, .name = name};
}

struct Rescanned : Rig {
  explicit Rescanned(SessionOptions o = {}, std::vector<Quirk> quirks = {}, target::TargetConfig config = {})
      : Rig(std::move(o), std::move(config)) {
    target->set_command_hook([this, odd = target::hook_of(std::move(quirks))](const target::CommandInfo& c) {
      const auto opcode = static_cast<Opcode>(c.cdb[0]);
      lists += opcode == Opcode::report_luns;
      inquiries += opcode == Opcode::inquiry && (c.lun >> 48) > 1;
      return odd(c);
    });
  }
  void on_search_begun() override { ++searches; }
  void on_search_ended(const Error& error) override {
    search_errors.push_back(error.code);
    make_units();
  }
  void settle_units() {
    settle();
    make_units();
  }
  [[nodiscard]] std::vector<std::uint64_t> luns() const {
    std::vector<std::uint64_t> result;
    for (const auto& unit : proof.units()) result.push_back(unit.info.lun);
    return result;
  }
  Errc io(std::size_t unit, IoOperation operation = IoOperation::read) {
    Io io(*this, operation, 0);
    units.at(unit)->submit(io.request);
    settle();
    CHECK(io.completions == 1);
    return io.request.status;
  }
  int lists = 0, inquiries = 0, searches = 0;
  std::vector<Errc> search_errors;
};

using Luns = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a rescan finds a new unit, which serves I/O, and holds no I/O of the others") {
  Rescanned rig;
  rig.target->add_lun(unit_at(7)).value();
  // The attention is only reported with the next I/O, so the operator is first.
  rig.nexus->rescan();
  rig.settle_units();
  CHECK(rig.luns() == Luns{0, 1, 7});
  CHECK(rig.search_errors == std::vector<Errc>{Errc::ok});
  REQUIRE(rig.units.size() == 3);
  for (std::size_t unit = 0; unit < 3; ++unit) {
    CHECK(rig.io(unit, IoOperation::write) == Errc::ok);
    CHECK(rig.io(unit) == Errc::ok);
  }
  CHECK(rig.nexus->record().losses == 0);
  CHECK(rig.nexus->units().units().size() == 3);
}

TEST_CASE("REPORTED LUNS DATA HAS CHANGED brings a new unit without an operator, after one search") {
  Rescanned rig;
  rig.target->add_lun(unit_at(7)).value();
  rig.target->add_lun(unit_at(5, "another")).value();
  CHECK(rig.io(0) == Errc::ok);
  CHECK(rig.io(1) == Errc::ok);
  rig.settle_units();
  CHECK(rig.luns() == Luns{0, 1, 5, 7});
  CHECK(rig.searches == 1);
  CHECK(rig.io(2) == Errc::ok);
  CHECK(rig.io(3) == Errc::ok);
}

TEST_CASE("any number of attentions during a search cause one more") {
  Rescanned rig({}, {{.command = Opcode::report_luns, .outcome = Outcome::of(Outcome::Kind::hold)}});
  rig.nexus->rescan();
  rig.settle();
  REQUIRE(rig.searches == 1);
  for (int i = 0; i < 5; ++i) rig.nexus->on_unit_event(0, scsi::Event::luns_changed);
  rig.settle();
  CHECK(rig.searches == 1);
  rig.target->set_command_hook({});
  rig.target->release_held();
  rig.settle();
  CHECK(rig.searches == 2);
  CHECK(rig.search_errors == std::vector<Errc>{Errc::ok, Errc::ok});
}

TEST_CASE("a unit that is gone is away with that reason, and the same unit again when it is mapped again") {
  Rescanned rig;
  rig.target->remove_lun(1).value();
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.units[1]->info().away.code == Errc::no_such_lun);
  CHECK(rig.io(0) == Errc::ok);
  CHECK(rig.io(1) == Errc::no_such_lun);
  auto same = unit_at(1, "rig1");
  rig.target->add_lun(same).value();
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.luns() == Luns{0, 1});
  CHECK(rig.units[1]->info().away.code == Errc::ok);
  CHECK(rig.io(1) == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE("units named by the user are all that a session takes") {
  SessionOptions wanted;
  wanted.luns = {0, 1};
  Rescanned rig(wanted);
  rig.target->add_lun(unit_at(7)).value();
  CHECK(rig.io(0) == Errc::ok);
  CHECK(rig.searches == 0);
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.search_errors == std::vector<Errc>{Errc::ok});
  CHECK(rig.lists == 0);
  CHECK(rig.luns() == Luns{0, 1});
}

TEST_CASE("a login after an outage finds new units, and a rescan during it is the same search") {
  for (const bool by_hand : {false, true}) {
    Rescanned rig(holding());
    rig.target->set_online(false);
    rig.settle();
    rig.target->add_lun(unit_at(7)).value();
    REQUIRE(rig.nexus->state() == State::recovering);
    if (by_hand) rig.nexus->rescan();
    rig.target->set_online(true);
    rig.come_back();
    rig.settle_units();
    CHECK(rig.luns() == Luns{0, 1, 7});
    CHECK(rig.searches == 1);
    CHECK(rig.io(2) == Errc::ok);
  }
}

TEST_CASE("a search whose connection is lost is done again after the next login") {
  Rescanned rig(holding(),
                {{.command = Opcode::report_luns, .outcome = Outcome::of(Outcome::Kind::hold), .times = 1}});
  rig.target->add_lun(unit_at(7)).value();
  rig.nexus->rescan();
  rig.settle();
  REQUIRE(rig.searches == 1);
  rig.target->drop_connections();
  rig.come_back();
  rig.settle_units();
  CHECK(rig.searches == 2);
  CHECK(rig.search_errors == std::vector<Errc>{Errc::ok});
  CHECK(rig.luns() == Luns{0, 1, 7});
}

TEST_CASE("a new unit that answers nothing costs only itself, and is found when it answers") {
  for (const auto& silent :
       {Quirk{.command = Opcode::inquiry, .lun = 7, .outcome = Outcome::of(Outcome::Kind::lose_command)},
        Quirk{.command = Opcode::service_action_in_16,
        .lun = 7,
        .outcome = Outcome::of(Outcome::Kind::lose_response)}}) {
    Rescanned rig({}, {silent});
    rig.target->add_lun(unit_at(6, "good")).value();
    rig.target->add_lun(unit_at(7)).value();
    rig.nexus->rescan();
    rig.settle();
    CHECK(rig.io(0, IoOperation::write) == Errc::ok);
    rig.pass_in_steps(6s, 100ms);
    CHECK(rig.search_errors == std::vector<Errc>{Errc::ok});
    CHECK(rig.luns() == Luns{0, 1, 6});
    REQUIRE(rig.proof.not_taken().size() == 1);
    CHECK(rig.proof.not_taken()[0].why.code == Errc::timed_out);
    CHECK(rig.proof.not_taken()[0].why.detail == "LUN 7 did not answer in time");
    rig.pass_in_steps(120s, 1s);  // longer than every deadline
    CHECK(rig.io(2) == Errc::ok);
    CHECK(rig.nexus->record().losses == 0);
    // More searches do without the buffer that the unit may still write to.
    for (int i = 0; i < 6; ++i) {
      rig.nexus->rescan();
      rig.pass_in_steps(6s, 100ms);
    }
    CHECK(rig.nexus->record().losses == 0);
    CHECK(rig.io(0) == Errc::ok);
    rig.target->drop_connections();
    rig.target->set_command_hook({});
    rig.come_back();
    rig.settle_units();
    CHECK(rig.luns() == Luns{0, 1, 6, 7});
    CHECK(rig.proof.not_taken().empty());
  }
}

TEST_CASE("questions without an answer leave most requests to I/O") {
  target::TargetConfig config;
  config.request_limit = 8;
  Rescanned rig({},
                {{.command = Opcode::inquiry, .lun = 5, .outcome = Outcome::of(Outcome::Kind::lose_command)},
                 {.command = Opcode::inquiry, .lun = 6, .outcome = Outcome::of(Outcome::Kind::lose_command)},
                 {.command = Opcode::inquiry, .lun = 7, .outcome = Outcome::of(Outcome::Kind::lose_command)}},
                config);
  for (const std::uint16_t lun : {5, 6, 7, 8}) rig.target->add_lun(unit_at(lun)).value();
  rig.nexus->rescan();
  rig.pass_in_steps(6s, 100ms);
  CHECK(rig.inquiries <= 2);
  CHECK(rig.proof.not_taken().size() == 4);
  CHECK(rig.proof.not_taken()[3].why.detail == "LUN 8 was not asked, because others did not answer in time");
  CHECK(rig.io(0) == Errc::ok);
  CHECK(rig.nexus->record().losses == 0);
}

TEST_CASE(
    "where there is room for one command only, a silent new unit costs one connection, and is left out "
    "then") {
  SessionOptions narrow = holding(60s);
  narrow.queue_depth = 1;
  Rescanned rig(
      narrow, {{.command = Opcode::inquiry, .lun = 7, .outcome = Outcome::of(Outcome::Kind::lose_command)}});
  rig.target->set_task_hook([](const wire::TaskManagement&) {
    return target::TaskOutcome{target::TaskOutcome::Kind::lose, {}};
  });
  rig.target->add_lun(unit_at(6, "good")).value();
  rig.target->add_lun(unit_at(7)).value();
  rig.nexus->rescan();
  rig.pass_in_steps(300s, 1s);
  CHECK(rig.luns() == Luns{0, 1, 6});
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.io(0, IoOperation::write) == Errc::ok);
  rig.target->set_command_hook({});
  rig.nexus->rescan();
  rig.settle_units();
  CHECK(rig.luns() == Luns{0, 1, 6, 7});
}

TEST_CASE("a list of LUNs that was refused for the moment is asked for again without an operator") {
  const auto busy = Outcome::with_status(scsi::Status::busy);
  Rescanned rig({}, {{.command = Opcode::report_luns, .outcome = busy, .times = 100}});
  rig.target->add_lun(unit_at(7)).value();
  CHECK(rig.io(0) == Errc::ok);
  rig.pass_in_steps(60s, 100ms);
  rig.settle_units();
  CHECK(rig.searches > 1);
  CHECK(rig.luns() == Luns{0, 1, 7});
  const auto searches = rig.searches;
  rig.pass_in_steps(60s, 100ms);
  CHECK(rig.searches == searches);
}

TEST_CASE("a new unit that cannot be taken is named with why, and found once it can be") {
  Rescanned rig({}, {{.command = Opcode::service_action_in_16,
                      .lun = 7,
                      .outcome = target::byte_replaced(11, 8),
                      .times = 1}});
  rig.target->add_lun(unit_at(7)).value();
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.luns() == Luns{0, 1});
  REQUIRE(rig.proof.not_taken().size() == 1);
  CHECK(rig.proof.not_taken()[0].lun == 7);
  CHECK(rig.proof.not_taken()[0].why.code == Errc::not_supported);
  rig.nexus->rescan();
  rig.settle_units();
  CHECK(rig.luns() == Luns{0, 1, 7});
  CHECK(rig.proof.not_taken().empty());
  CHECK(rig.io(2) == Errc::ok);
}

TEST_CASE("a new unit in standby is taken, is away, and works when it is active") {
  const auto standby = Outcome::check_condition(SenseKey::not_ready, {0x04, 0x0b});
  Rescanned rig({}, {{.command = Opcode::test_unit_ready, .lun = 7, .outcome = standby, .times = 3}});
  rig.target->add_lun(unit_at(7)).value();
  rig.nexus->rescan();
  rig.settle_units();
  REQUIRE(rig.luns() == Luns{0, 1, 7});
  CHECK(rig.units[2]->info().away.code == Errc::not_ready);
  CHECK(rig.io(2) == Errc::not_ready);
  rig.pass_in_steps(40s, 100ms);
  CHECK(rig.units[2]->info().away.code == Errc::ok);
  CHECK(rig.io(2) == Errc::ok);
}

TEST_CASE("a session whose first login marks all units fences new ones before their first I/O") {
  SessionOptions options;
  options.fence_first_login = true;
  Rescanned rig(options);
  int resets = 0;
  rig.target->set_task_hook([&](const wire::TaskManagement& task) {
    resets += task.function == wire::TaskFunction::lun_reset && task.lun >> 48 == 7;
    return target::TaskOutcome{};
  });
  rig.target->add_lun(unit_at(7)).value();
  rig.nexus->rescan();
  rig.settle_units();
  REQUIRE(rig.units.size() == 3);
  Io write(rig, IoOperation::write, 0);
  rig.units[2]->submit(write.request);
  rig.pass_in_steps(2s, 10ms);
  CHECK(resets == 1);
  CHECK(write.completions == 1);
  CHECK(write.request.status == Errc::ok);
}

TEST_CASE("a list of LUNs that the target refuses is the error of the rescan, and costs nothing else") {
  const auto busy = Outcome::with_status(scsi::Status::busy);
  for (const auto& [outcome, error] :
       {std::pair(busy, Errc::busy), std::pair(Outcome::of(Outcome::Kind::lose_command), Errc::timed_out)}) {
    Rescanned rig({}, {{.command = Opcode::report_luns, .outcome = outcome}});
    rig.nexus->rescan();
    rig.pass_in_steps(6s, 20ms);
    REQUIRE_FALSE(rig.search_errors.empty());
    CHECK(rig.search_errors.front() == error);
    CHECK(rig.io(0) == Errc::ok);
    CHECK(rig.nexus->record().losses == 0);
  }
}

TEST_CASE("a session has at most 256 units, and the log can tell how many more there are") {
  target::TargetConfig config;
  for (std::uint16_t i = 0; i < 254; ++i)
    config.luns.push_back({.number = i, .bytes = Rig::kDiskBytes, .name = "many"});
  Rescanned rig({}, {}, config);
  for (std::uint16_t i = 0; i < 5; ++i)
    rig.target->add_lun(unit_at(static_cast<std::uint16_t>(300 + i), "more" + std::to_string(i))).value();
  rig.nexus->rescan();
  rig.settle_units();
  CHECK(rig.units.size() == 256);
  CHECK(rig.proof.luns_not_taken() == 3);
  CHECK(rig.io(255) == Errc::ok);
}
