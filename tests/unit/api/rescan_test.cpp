// SPDX-License-Identifier: Apache-2.0
// What a caller of Session::rescan gets, and what the observer is told.
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "srpi/asio.hpp"
#include "target/quirk.hpp"
#include "target_fabric.hpp"

using namespace srpi;

namespace {

struct Asked : TaskRequest {
  Asked() {
    on_complete = [](TaskRequest& r) noexcept { ++static_cast<Asked&>(r).completions; };
    status = Errc::in_progress;
  }
  int completions = 0;
};

struct Watched final : SessionObserver {
  explicit Watched(std::vector<target::Quirk> quirks = {}, SessionOptions options = {},
                   target::CommandHook hook = {}) {
    auto fabric = std::make_unique<test::TargetFabric>(
        address, 2, hook ? std::move(hook) : target::hook_of(std::move(quirks)));
    target = &fabric->target();
    session = std::make_unique<api::SessionImpl>(address, options, this, std::move(fabric), nullptr, 1);
    while (session->state() == SessionState::connecting) session->poll();
    seen.clear();
  }
  void on_state(SessionState, SessionState to, const Error&) override { seen.emplace_back(to_string(to)); }
  void on_logical_unit(LogicalUnit& unit, const UnitChange& change) override {
    seen.push_back((change.found  ? "found "
                    : change.away ? "away "
                    : change.back ? "back "
                                  : "? ") +
                   std::to_string(unit.info().lun));
  }
  void on_unit_not_taken(const UnitNotTaken& unit) override {
    seen.push_back("not taken " + std::to_string(unit.lun));
  }
  void poll_until(const Asked& asked) {
    for (int i = 0; i < 10000 && asked.completions == 0; ++i) session->poll();
  }
  void rescan() {
    Asked asked;
    REQUIRE(session->rescan(asked) == Errc::ok);
    CHECK(asked.completions == 0);
    poll_until(asked);
    CHECK(asked.completions == 1);
    CHECK(asked.status == Errc::ok);
  }
  void add(std::uint16_t lun) {
    target->add_lun({.number = lun, .bytes = 4096, .name = "unit-" + std::to_string(lun)}).value();
  }
  const TargetAddress address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  target::RamTarget* target = nullptr;
  std::vector<std::string> seen;  // the session's destructor reports, too
  std::unique_ptr<api::SessionImpl> session;
};

using Seen = std::vector<std::string>;

}  // namespace

TEST_CASE("a rescan tells the observer of units that are found, gone and back, once each") {
  Watched watched;
  watched.add(5);
  watched.rescan();
  watched.target->remove_lun(1).value();
  watched.rescan();
  watched.rescan();
  watched.add(1);
  watched.rescan();
  CHECK(watched.seen == Seen{"found 5", "away 1", "back 1"});
}

TEST_CASE("units keep their address and index when a rescan adds others, and an old span stays valid") {
  Watched watched;
  const auto span = watched.session->logical_units();
  std::vector<const LogicalUnit*> before;
  for (const auto& unit : span) before.push_back(unit.get());
  for (std::uint16_t lun = 40; lun > 20; --lun) {
    watched.add(lun);
    watched.rescan();
  }
  const auto units = watched.session->logical_units();
  REQUIRE(units.size() == 22);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(units[i].get() == before[i]);
    CHECK(span[i].get() == before[i]);
  }
  CHECK(units[2]->info().lun == 40);  // in the order in which they were found
  CHECK(units[21]->info().lun == 21);
}

TEST_CASE("a unit that cannot be taken is reported once for each reason, and in the status") {
  Watched watched(
      {{.command = scsi::Opcode::service_action_in_16, .lun = 5, .outcome = target::byte_replaced(11, 8)}});
  watched.add(5);
  watched.rescan();
  watched.rescan();
  CHECK(watched.seen == Seen{"not taken 5"});
  CHECK(watched.session->status().units_not_taken.size() == 1);
  watched.target->remove_lun(5).value();
  watched.rescan();
  CHECK(watched.session->status().units_not_taken.empty());
}

TEST_CASE("a rescan of a session without a connection fails with no_connect, by a poll, once") {
  Watched watched;
  watched.session->disconnect().value();
  Asked asked;
  REQUIRE(watched.session->rescan(asked) == Errc::ok);
  CHECK(watched.session->rescan(asked) == Errc::in_progress);
  CHECK(asked.completions == 0);
  watched.poll_until(asked);
  CHECK(asked.status == Errc::no_connect);
  CHECK(asked.completions == 1);
}

TEST_CASE("a rescan ends with the session: by disconnect, erase and the destructor") {
  for (int how = 0; how < 3; ++how) {
    Watched watched({{.command = scsi::Opcode::report_luns,
                      .outcome = target::Outcome::of(target::Outcome::Kind::hold),
                      .skipped = 1}});
    Asked running, fresh;
    REQUIRE(watched.session->rescan(running) == Errc::ok);
    for (int i = 0; i < 100; ++i) watched.session->poll();
    REQUIRE(running.completions == 0);
    REQUIRE(watched.session->rescan(fresh) == Errc::ok);
    if (how == 0) watched.session->disconnect().value();
    if (how == 1) watched.session->erase();
    if (how == 2) watched.session.reset();
    for (const auto* asked : {&running, &fresh}) {
      CHECK(asked->completions == 1);
      CHECK(asked->status == Errc::no_connect);
    }
  }
}

TEST_CASE("a rescan that is asked for during an outage completes after the next login") {
  SessionOptions options;
  options.fast_io_fail = Milliseconds{60000};
  options.reconnect_first_delay = Milliseconds{10};
  Watched watched({}, options);
  watched.target->set_online(false);
  while (watched.session->state() == SessionState::live) watched.session->poll();
  watched.add(5);
  Asked asked;
  REQUIRE(watched.session->rescan(asked) == Errc::ok);
  for (int i = 0; i < 100; ++i) watched.session->poll();
  CHECK(asked.completions == 0);
  watched.target->set_online(true);
  while (asked.completions == 0) watched.session->poll();
  CHECK(asked.status == Errc::ok);
  CHECK(watched.session->logical_units().size() == 3);
}

TEST_CASE("a rescan that the target refuses fails with its answer, and the status has the words") {
  Watched watched({{.command = scsi::Opcode::report_luns,
                    .outcome = target::Outcome::with_status(scsi::Status::busy),
                    .skipped = 1}});
  Asked asked;
  REQUIRE(watched.session->rescan(asked) == Errc::ok);
  while (asked.completions == 0) watched.session->poll();
  CHECK(asked.status == Errc::busy);
  CHECK(watched.session->status().rescan_error.detail.find("REPORT LUNS") != std::string::npos);
  CHECK(watched.session->state() == SessionState::live);
}

TEST_CASE("a rescan without on_complete is refused") {
  Watched watched;
  TaskRequest request;
  CHECK(watched.session->rescan(request) == Errc::invalid_argument);
}

TEST_CASE("a rescan makes a sleeping session's descriptor readable") {
  Watched watched;
  while (!watched.session->arm()) watched.session->poll();
  Asked asked;
  REQUIRE(watched.session->rescan(asked) == Errc::ok);
  CHECK_FALSE(watched.session->arm());
  watched.poll_until(asked);
  CHECK(asked.status == Errc::ok);
}

TEST_CASE("rescan completes through an Asio executor, and without a session with wrong_state") {
  boost::asio::io_context loop;
  AsyncSession session(loop.get_executor());
  std::vector<boost::system::error_code> results;
  const auto note = [&](boost::system::error_code e, std::size_t) { results.push_back(e); };
  session.async_rescan(note);
  session.async_connect(parse_target("ram://1M").value().address, {},
                        [&](boost::system::error_code e, std::size_t) {
                          REQUIRE_FALSE(e);
                          session.async_rescan([&](boost::system::error_code done, std::size_t) {
                            results.push_back(done);
                            loop.stop();
                          });
                        });
  loop.run_for(std::chrono::seconds(10));
  REQUIRE(results.size() == 2);
  CHECK(results[0] == Errc::wrong_state);
  CHECK_FALSE(results[1]);
}

TEST_CASE("the observer learns that a unit is write-protected, without another change") {
  Watched watched;
  watched.target->set_read_only(1, true).value();
  watched.rescan();
  CHECK(watched.seen == Seen{"? 1"});
  CHECK(watched.session->logical_units()[1]->info().read_only);
}

TEST_CASE("a unit that was not ready at the first login is taken by itself when it is") {
  const auto unavailable = target::Outcome::check_condition(scsi::SenseKey::not_ready, {0x04, 0x0c});
  SessionOptions options;
  options.connect_timeout = Milliseconds(500);
  options.reconnect_first_delay = Milliseconds(1);
  options.reconnect_delay = Milliseconds(20);
  bool is_ready = false;
  Watched rig({}, options, [&](const target::CommandInfo& command) {
    const auto operation = static_cast<scsi::Opcode>(command.cdb[0]);
    const bool is_asked_for_size =
        operation == scsi::Opcode::service_action_in_16 || operation == scsi::Opcode::read_capacity_10;
    return command.lun == std::uint64_t{1} << 48 && is_asked_for_size && !is_ready ? unavailable
                                                                                   : target::Outcome{};
  });
  REQUIRE(rig.session->state() == SessionState::live);
  CHECK(rig.session->logical_units().size() == 1);
  REQUIRE(rig.session->status().units_not_taken.size() == 1);
  CHECK(rig.session->status().units_not_taken[0].why.code == Errc::not_ready);
  is_ready = true;
  while (rig.session->logical_units().size() < 2) rig.session->poll();
  CHECK(rig.session->status().units_not_taken.empty());
  CHECK(rig.seen == std::vector<std::string>{"found 1"});
}
