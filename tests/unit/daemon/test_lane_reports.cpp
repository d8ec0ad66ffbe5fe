// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "catch2/catch.hpp"
#include "daemon/lane_reports.hpp"

using namespace srp_nbd;
using srpi::SessionState;

namespace {

struct Mailbox {
  int told = 0;
  LaneReports reports{[this] { ++told; }};

  template<class What>
  void put(What what) {
    reports.put({{}, std::move(what)});
  }
};

UnitReport unit(std::uint64_t lun, std::uint64_t blocks) {
  UnitReport report;
  report.info.lun = lun;
  report.info.blocks = blocks;
  return report;
}

}  // namespace

TEST_CASE("a unit that changes 1000 times is reported once, with its newest state") {
  Mailbox box;
  for (std::uint64_t i = 1; i <= 1000; ++i)
    for (const std::uint64_t lun : {0, 1}) box.put(unit(lun, i));
  CHECK(box.told == 1);
  const auto batch = box.reports.take();
  REQUIRE(batch.reports.size() == 2);
  CHECK(batch.merged == 1998);
  for (const std::uint64_t lun : {0, 1}) {
    const auto& info = std::get<UnitReport>(batch.reports[lun].what).info;
    CHECK(info.lun == lun);
    CHECK(info.blocks == 1000);
  }
}

TEST_CASE("the same event of a unit is counted, another one or another unit's is apart") {
  Mailbox box;
  using srpi::SessionEvent;
  for (int i = 0; i < 200000; ++i) {
    box.put(UnitEventReport{SessionEvent::space_low, 3});
    box.put(UnitEventReport{SessionEvent::capacity_changed, 3});
    box.put(UnitEventReport{SessionEvent::space_low, std::nullopt});
  }
  CHECK(box.told == 1);
  const auto batch = box.reports.take();
  REQUIRE(batch.reports.size() == 3);
  for (const auto& report : batch.reports) CHECK(std::get<UnitEventReport>(report.what).count == 200000);
}

TEST_CASE("changes of state are reported one by one until too many wait, then the newest counts") {
  Mailbox box;
  for (std::size_t i = 0; i < LaneReports::kHistory; ++i)
    box.put(StateReport{SessionState::live, SessionState::recovering, {}});
  box.put(unit(0, 1));
  box.put(StateReport{SessionState::recovering, SessionState::disconnected, {}});
  box.put(StateReport{SessionState::disconnected, SessionState::live, {}});
  auto batch = box.reports.take();
  REQUIRE(batch.reports.size() == LaneReports::kHistory + 1);
  CHECK(batch.merged == 2);
  CHECK(std::holds_alternative<UnitReport>(batch.reports[LaneReports::kHistory - 1].what));
  const auto& last = std::get<StateReport>(batch.reports.back().what);
  CHECK(last.from == SessionState::live);
  CHECK(last.to == SessionState::live);
}

TEST_CASE("failed attempts beyond the limit are replaced by the newest") {
  Mailbox box;
  for (std::size_t i = 0; i < 10 * LaneReports::kHistory; ++i)
    box.put(FailedAttemptReport{{srpi::Errc::no_connect, std::to_string(i)}});
  const auto batch = box.reports.take();
  REQUIRE(batch.reports.size() == LaneReports::kHistory);
  CHECK(std::get<FailedAttemptReport>(batch.reports.back().what).error.detail == "639");
}

TEST_CASE("reports keep their order, and work between them has its place") {
  Mailbox box;
  std::string order;
  box.put(unit(0, 1));
  box.put(StateReport{SessionState::connecting, SessionState::live, {}});
  box.put(ReportedCall([&] { order += "call"; }));
  box.put(StateReport{SessionState::live, SessionState::recovering, {}});
  const auto batch = box.reports.take();
  REQUIRE(batch.reports.size() == 4);
  CHECK(std::get<StateReport>(batch.reports[1].what).to == SessionState::live);
  std::get<ReportedCall>(batch.reports[2].what)();
  CHECK(order == "call");
  CHECK(std::get<StateReport>(batch.reports[3].what).to == SessionState::recovering);
}

TEST_CASE("the next report is told only after nothing was left to take") {
  Mailbox box;
  box.put(unit(0, 1));
  CHECK(box.reports.take().reports.size() == 1);
  box.put(unit(0, 2));
  CHECK(box.told == 1);  // no call: the reader calls take() again, until a batch is empty
  CHECK(box.reports.take().reports.size() == 1);
  CHECK(box.reports.take().reports.empty());
  box.put(unit(0, 3));
  CHECK(box.told == 2);
}
