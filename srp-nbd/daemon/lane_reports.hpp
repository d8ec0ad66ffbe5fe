// SPDX-License-Identifier: Apache-2.0
// The reports of a session's lane, on their way to the main thread: a mailbox of limited size, because a target can
// cause reports faster than any thread takes them.
//
// Reports are taken in the order in which they came, with two exceptions:
//   - What waits about a unit is its newest state, in the place of the oldest. An event of a unit is counted.
//   - When kHistory changes of state, or failed attempts, wait, the newest replaces the one before it.
// The other reports have a limit of their own: a unit is not taken once. The end of a connection does not come this way:
// the main thread has made each connection itself, and the order of a lane's refusal and of its later answers counts.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "srpi/session.hpp"

namespace srp_nbd {

struct StateReport {
  srpi::SessionState from, to;
  srpi::Error cause;
};
struct FailedAttemptReport {
  srpi::Error error;
};
// The unit was found, or something about it has changed.
struct UnitReport {
  srpi::LogicalUnitInfo info;
};
struct UnitNotTakenReport {
  srpi::UnitNotTaken unit;
};
struct UnitEventReport {
  srpi::SessionEvent what;
  std::optional<std::uint64_t> lun;  // nullopt: no unit of the session
  std::uint64_t count = 1;           // how often it came
};
// No report, but work that must be done at its place between the reports.
using ReportedCall = std::function<void()>;

struct LaneReport {
  std::chrono::system_clock::time_point time;
  std::variant<StateReport, FailedAttemptReport, UnitReport, UnitNotTakenReport, UnitEventReport,
               ReportedCall>
      what;
};

class LaneReports {
 public:
  static constexpr std::size_t kHistory = 64;

  // `tell` is called by `put` when the first report waits. The reports are then taken until there are none.
  explicit LaneReports(std::function<void()> tell) : tell_(std::move(tell)) {}

  // Permitted in every thread.
  void put(LaneReport);

  struct Batch {
    std::vector<LaneReport> reports;
    std::size_t merged = 0;  // reports that are part of another one, or were replaced
  };
  // After an empty batch, the next report is told again.
  [[nodiscard]] Batch take();

 private:
  [[nodiscard]] bool merge(LaneReport& next);

  const std::function<void()> tell_;
  std::mutex mutex_;  // guards the members below
  Batch waiting_;
  bool is_told_ = false;
};

}  // namespace srp_nbd
