// SPDX-License-Identifier: Apache-2.0
#include "daemon/unit_functions.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>

namespace srp_nbd {
namespace {

using srpi::Errc;

// A running abort or reset. It exists until the last unit has answered. The session completes it before its
// own end, so the reference stays valid.
struct PendingFunction {
  PendingFunction(srpi::Session& session_in, std::function<void(Outcome<UnitFunctionReport>)> done_in)
      : session(session_in), done(std::move(done_in)) {}

  void answered() {
    if (--missing > 0) return;
    const std::unique_ptr<PendingFunction> self(this);
    for (std::size_t i = 0; i < report.units.size(); ++i) report.units[i].status = requests[i].status;
    report.state = session.state();
    report.by_administrator = session.status().by_administrator;
    done(std::move(report));
  }

  srpi::Session& session;
  std::function<void(Outcome<UnitFunctionReport>)> done;
  std::size_t missing = 0;
  UnitFunctionReport report;
  std::vector<srpi::TaskRequest> requests;  // must not grow after the first request is submitted
};

std::string known_units(const srpi::Session& session) {
  std::string result;
  for (const auto& unit : session.logical_units())
    result += fmt::format("{}{}", result.empty() ? "" : ", ", unit->info().lun);
  return result;
}

std::string where(const UnitFunctionReport& report, std::string_view name) {
  auto result = fmt::format("the session is {}", srpi::to_string(report.state));
  if (report.state == srpi::SessionState::disconnected)
    result += report.by_administrator ? " by administrator" : " by fault";
  if (report.state == srpi::SessionState::live)
    return "the connection was lost and has come back meanwhile: try again";
  if (report.state == srpi::SessionState::erased) return result;
  return fmt::format("{}: try again when it is live (`srp-nbd reconnect {}`)", result, name);
}

std::string explain(UnitFunction function, Errc status, const UnitFunctionReport& report,
                    std::string_view name) {
  switch (status) {
    case Errc::no_connect:
      return function == UnitFunction::reset
                 ? fmt::format("not reset: {}", where(report, name))
                 : fmt::format("its requests have ended, not by the abort but with the connection: {}",
                               where(report, name));
    case Errc::timed_out:
      return fmt::format(
          "no answer to LOGICAL UNIT RESET in time: try again, or end the connection with "
          "`srp-nbd disconnect {0}` and `srp-nbd reconnect {0}`",
          name);
    case Errc::not_supported:
      return fmt::format(
          "the target does not support LOGICAL UNIT RESET: `srp-nbd disconnect {0}` and "
          "`srp-nbd reconnect {0}` end what is under way",
          name);
    case Errc::target_error:
      return fmt::format(
          "the target refuses LOGICAL UNIT RESET: see its log; `srp-nbd disconnect {0}` and "
          "`srp-nbd reconnect {0}` end what is under way",
          name);
    default: return srpi::Error{status, {}}.message();
  }
}

}  // namespace

const char* to_string(UnitFunction function) noexcept {
  return function == UnitFunction::abort ? "abort" : "reset";
}

void run_unit_function(srpi::Session& session, UnitFunction function, std::optional<std::uint64_t> lun,
                       std::function<void(Outcome<UnitFunctionReport>)> done) {
  const auto units = session.logical_units();
  if (units.empty())
    return done(
        Failure{"wrong_state", fmt::format("nothing to {}: the session is {} and does not know its logical "
                                           "units yet, so nothing is under way",
                                           to_string(function), srpi::to_string(session.state()))});
  std::vector<srpi::LogicalUnit*> chosen;
  for (const auto& unit : units)
    if (!lun || unit->info().lun == *lun) chosen.push_back(unit.get());
  if (chosen.empty())
    return done(Failure{"no_such_lun", fmt::format("the session has no logical unit {}: expected one of {}",
                                                   *lun, known_units(session))});

  auto order = std::make_unique<PendingFunction>(session, std::move(done));
  order->missing = chosen.size();
  order->requests.resize(chosen.size());
  for (const auto* unit : chosen) order->report.units.push_back({unit->info().lun, Errc::ok});
  for (auto& request : order->requests) {
    request.context = order.get();
    request.on_complete = [](srpi::TaskRequest& r) noexcept {
      static_cast<PendingFunction*>(r.context)->answered();
    };
  }
  auto* const lent =
      order.release();  // it deletes itself after the last answer, which does not come during these calls
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (function == UnitFunction::abort)
      chosen[i]->abort(lent->requests[i]);
    else
      chosen[i]->reset(lent->requests[i]);
  }
}

UnitTaskAnswer make_answer(UnitFunction function, const std::string& session_name,
                           const UnitFunctionReport& report) {
  UnitTaskAnswer answer{session_name, {}};
  for (const auto& unit : report.units) {
    auto& result = answer.luns.emplace_back(UnitTaskResult{unit.lun, unit.status == Errc::ok, {}});
    if (!result.ok)
      result.error =
          Failure{std::string(code_name(unit.status)), explain(function, unit.status, report, session_name)};
  }
  return answer;
}

}  // namespace srp_nbd
