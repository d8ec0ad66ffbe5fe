// SPDX-License-Identifier: Apache-2.0
// What becomes of the units by their answers in a proof.
#include <fmt/format.h>

#include "lun/unit_proof.hpp"

namespace srpi::lun {
namespace {

using VerdictAsks = session::ProofScope::Asks;
using Verdict = session::ProvedUnit::Answer;

Error no_block_device(std::uint64_t lun) {
  return {Errc::no_such_lun, fmt::format("the target has no block device at LUN {}", lun)};
}

Error no_answer(std::uint64_t lun) {
  return {Errc::timed_out,
          fmt::format("LUN {} is stuck: what it was asked had no answer, and the connection was given up "
                      "for it; it is back when it answers LOGICAL UNIT RESET",
                      lun)};
}

// Prefers an error that may be different at the next attempt. A different unit ends the attempts.
int hope(const Error& error) {
  return error.code == Errc::no_such_lun ? 0 : error.code == Errc::identity_mismatch ? 1 : 2;
}

}  // namespace

// A unit that cannot be taken costs only itself, unless the user has asked for it.
Sequence<Result<>> UnitProof::find(UnitQuestions& questions, Job& job) {
  auto answer = co_await questions.profile(job.number);
  if (!answer) {
    const bool guessed = wanted_.empty() && luns_guessed_.code != Errc::ok;
    if (guessed && !questions.lost() && answer.error().code == Errc::no_such_lun) co_return Result<>();
    if (is_wanted() || !questions.is_about_unit(answer.error())) co_return answer.error();
    job.not_taken = answer.error();
    co_return Result<>();
  }
  job.profile = std::move(*answer);
  if (!job.profile) {
    if (!wanted_.empty()) co_return no_block_device(job.number);
    co_return Result<>();
  }
  const auto& away = job.profile->info.away;
  if (away.code == Errc::ok) {
    any_proved_ = true;
  } else {
    if (all_or_nothing_) co_return away;
    set_away(job, away, job.profile->retry);
  }
  co_return Result<>();
}

void UnitProof::set_away(Job& job, Error why, scsi::RetryClass retry) {
  job.result.answer = Verdict::refused;
  job.result.code = why.code;
  job.result.retry = retry;
  job.profile->info.away = std::move(why);
}

// A unit that refuses is away, and so is one that is a different unit now, or a smaller one; its known identity and
// size stay. Only the session's first channel decides about this.
Sequence<Result<>> UnitProof::prove(UnitQuestions& questions, Job& job) {
  auto answer = co_await questions.prove(*job.profile);
  if (answer) {
    job.profile = std::move(*answer);
    job.result.answer = Verdict::proved;
    any_proved_ = true;
    co_return Result<>();
  }
  if (!questions.is_about_unit(answer.error()) || scope_.asks != VerdictAsks::identity)
    co_return answer.error();
  set_away(job, answer.error(), questions.retry());
  co_return Result<>();
}

void UnitProof::finish() {
  step_ = Step::over;
  if (scope_.asks == VerdictAsks::attentions) return;
  if (scope_.asks == VerdictAsks::identity) return finish_identity();
  std::vector<UnitProfile> units;
  for (auto& job : jobs_) units.push_back(std::move(*job.profile));
  units_ = std::move(units);
}

void UnitProof::finish_identity() {
  std::vector<UnitProfile> units;
  std::vector<session::ProvedUnit> proved;
  std::vector<UnitNotTaken> not_taken;
  if (!any_proved_) {
    silent_.clear();  // the next login asks them again
    error_ = nobody_answers();
    return;
  }
  for (auto& job : jobs_) {
    if (job.not_taken.code != Errc::ok) not_taken.push_back({job.number, std::move(job.not_taken)});
    if (!job.profile) continue;
    if (job.result.answer == Verdict::left_out) {
      job.profile->info.away = no_answer(job.number);
      job.result.code = job.profile->info.away.code;
    }
    units.push_back(std::move(*job.profile));
    proved.push_back(job.result);
  }
  units_ = std::move(units);
  proved_ = std::move(proved);
  if (finds_) not_taken_ = std::move(not_taken);
}

Error UnitProof::nobody_answers() const {
  const Error* why = nullptr;
  for (const auto& job : jobs_) {
    const auto& error = job.profile ? job.profile->info.away : job.not_taken;
    if (error.code == Errc::ok) continue;
    if (!why || hope(error) > hope(*why)) why = &error;
  }
  if (why) return *why;
  return {Errc::no_such_lun, "the target shows us no logical unit; check its access control"};
}

}  // namespace srpi::lun
