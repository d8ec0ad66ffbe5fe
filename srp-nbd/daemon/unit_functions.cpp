// SPDX-License-Identifier: Apache-2.0
#include "daemon/unit_functions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace srp_nbd {
namespace {

using srpi::Errc;

// What to do after a failure of either function; {0} is the session's name.
constexpr std::pair<Errc, std::string_view> kAdvice[] = {
    {Errc::timed_out,
     "no answer to LOGICAL UNIT RESET in time: try again, or end the connection with `srp-nbd disconnect "
     "{0}` and "
     "`srp-nbd reconnect {0}`"},
    {Errc::not_supported,
     "the target does not support LOGICAL UNIT RESET: `srp-nbd disconnect {0}` and `srp-nbd reconnect {0}` "
     "end "
     "what is under way"},
    {Errc::target_error,
     "the target refuses LOGICAL UNIT RESET: see its log; `srp-nbd disconnect {0}` and `srp-nbd reconnect "
     "{0}` "
     "end what is under way"},
};

// Where the session is, which explains a no_connect.
std::string where(const srpi::Session& session, const std::string& name) {
  const auto state = session.state();
  if (state == srpi::SessionState::live)
    return "the connection was lost and has come back meanwhile: try again";
  auto result = fmt::format("the session is {}", srpi::to_string(state));
  if (state == srpi::SessionState::erased) return result;
  if (state == srpi::SessionState::disconnected)
    result += session.status().by_administrator ? " by administrator" : " by fault";
  return fmt::format("{}: try again when it is live (`srp-nbd reconnect {}`)", result, name);
}

// A rescan. It deletes itself at its completion, which the session does not outlive.
struct RescanTask : srpi::TaskRequest {
  static void complete(srpi::TaskRequest& request) noexcept {
    const std::unique_ptr<RescanTask> self(static_cast<RescanTask*>(&request));
    if (self->status == Errc::ok) return self->answer.send(Outcome<>());
    auto why = self->status == Errc::no_connect ? where(self->session, self->name)
                                                : self->session.status().rescan_error.message();
    self->answer.send(Failure{std::string(code_name(self->status)), "no rescan: " + why});
  }

  srpi::Session& session;
  const std::string name;  // of the session
  const Answer<Outcome<>> answer;
};

// One unit's abort or reset. It deletes itself at its completion. The session completes it before its own end,
// so the reference stays valid.
struct UnitTask : srpi::TaskRequest {
  static void complete(srpi::TaskRequest& request) noexcept {
    const std::unique_ptr<UnitTask> self(static_cast<UnitTask*>(&request));
    UnitTaskResult result{self->lun, self->status == Errc::ok, {}};
    if (!result.ok) result.error = Failure{std::string(code_name(self->status)), self->explain()};
    self->answer.send(std::move(result));
  }

  [[nodiscard]] std::string explain() const {
    if (status == Errc::no_connect)
      return fmt::format("{}: {}",
                         function == UnitFunction::reset
                             ? "not reset"
                             : "its requests have ended, not by the abort but with the connection",
                         where(session, name));
    const auto* advice = std::ranges::find(kAdvice, status, &std::pair<Errc, std::string_view>::first);
    if (advice == std::end(kAdvice)) return srpi::Error{status, {}}.message();
    return fmt::format(fmt::runtime(advice->second), name);
  }

  srpi::Session& session;
  const UnitFunction function;
  const std::uint64_t lun;
  const std::string name;  // of the session
  const UnitAnswer answer;
};

std::string known_units(const srpi::Session& session) {
  std::string result;
  for (const auto& unit : session.logical_units())
    result += fmt::format("{}{}", result.empty() ? "" : ", ", unit->info().lun);
  return result;
}

}  // namespace

const char* to_string(UnitFunction function) noexcept {
  return function == UnitFunction::abort ? "abort" : "reset";
}

Outcome<UnitAnswers> run_unit_function(srpi::Session& session, UnitFunction function,
                                       std::optional<std::uint64_t> lun, const std::string& session_name,
                                       const Executor& home) {
  const auto units = session.logical_units();
  if (units.empty())
    return Failure{"wrong_state",
                   fmt::format("nothing to {}: the session is {} and does not know its logical "
                               "units yet, so nothing is under way",
                               to_string(function), srpi::to_string(session.state()))};
  UnitAnswers answers;
  for (const auto& unit : units) {
    if (lun && unit->info().lun != *lun) continue;
    auto* const task = new UnitTask{{.on_complete = UnitTask::complete},
                                    session,
                                    function,
                                    unit->info().lun,
                                    session_name,
                                    UnitAnswer(home)};
    answers.push_back(task->answer);
    if (function == UnitFunction::abort)
      unit->abort(*task);
    else
      unit->reset(*task);
  }
  if (!answers.empty()) return answers;
  return Failure{"no_such_lun", fmt::format("the session has no logical unit {}: expected one of {}", *lun,
                                            known_units(session))};
}

Answer<Outcome<>> run_rescan(srpi::Session& session, const std::string& session_name, const Executor& home) {
  auto* const task =
      new RescanTask{{.on_complete = RescanTask::complete}, session, session_name, Answer<Outcome<>>(home)};
  const auto answer = task->answer;
  session.rescan(*task);
  return answer;
}

awaitable<UnitTaskAnswer> all_of(std::string session_name, UnitAnswers answers) {
  UnitTaskAnswer all{std::move(session_name), {}};
  for (const auto& answer : answers) {
    auto result = co_await answer.wait();
    all.luns.push_back(std::move(result));
  }
  co_return all;
}

}  // namespace srp_nbd
