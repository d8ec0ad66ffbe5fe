// SPDX-License-Identifier: Apache-2.0
#include "lun/unit_proof.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace srpi::lun {
namespace {

using Asks = session::ProofScope::Asks;
using Answer = session::ProvedUnit::Answer;

constexpr base::Duration kLaterPatience = std::chrono::milliseconds(250);

}  // namespace

UnitProof::UnitProof(const SessionOptions& options, const base::Clock& clock, UnitSink* sink)
    : wanted_(options.luns),
      all_or_nothing_(options.all_or_nothing),
      clock_(clock),
      sink_(sink),
      buffer_(kSideBySide * UnitQuestions::kBufferBytes),
      search_(options, clock, *this) {
  for (std::size_t i = 0; i < kSideBySide; ++i)
    askers_[i].questions =
        std::make_unique<UnitQuestions>(buffer_.data() + i * UnitQuestions::kBufferBytes,
                                        options.max_transfer_bytes, clock, &UnitProof::on_answer, this);
}

UnitProof::~UnitProof() = default;

void UnitProof::start(session::Channel& channel, const session::ProofScope& scope) {
  cancel();
  channel_ = &channel;
  scope_ = scope;
  try {
    if (const auto prepared = prepare(); prepared)
      begin();
    else
      error_ = prepared.error();
  } catch (const std::bad_alloc&) {
    error_ = Error{Errc::no_memory, {}};
  }
  if (error_) step_ = Step::over;
}

Result<> UnitProof::prepare() {
  if (channel_->device() == device_) return {};
  let_device_go();
  auto region = channel_->device()->register_memory(buffer_, fabric::Access::remote);
  if (!region) return region.error();
  region_ = std::move(*region);
  device_ = channel_->device();
  return {};
}

// A first login is over because a unit does not answer, while all others have answered. If some were not asked yet,
// the target itself may have stopped answering.
void UnitProof::note_silence() noexcept {
  const auto is_answered = [](const Job& j) { return j.profile || j.not_taken.code != Errc::ok; };
  if (!finds_ || step_ != Step::asking || is_wanted() || clock_.now() < scope_.until ||
      next_job_ < jobs_.size() || std::ranges::none_of(jobs_, is_answered))
    return;
  for (const auto& asker : askers_)
    if (asker.sequence && asker.job && asker.questions->waits_for_answer())
      silent_.add(asker.job->result.lun);
}

void UnitProof::cancel() noexcept {
  note_silence();
  for (auto& asker : askers_) {
    asker.questions->cancel();
    asker.sequence = {};
    asker.job = nullptr;
  }
  step_ = Step::idle;
  error_.reset();
}

void UnitProof::let_device_go() noexcept {
  region_.reset();
  device_.reset();
}

void UnitProof::begin() {
  jobs_.clear();
  any_proved_ = false;
  finds_ = scope_.asks == Asks::identity && units_.empty();
  patient_until_ = patient_until();
  if (finds_ && wanted_.empty()) return launch(Step::listing, 1);
  if (finds_) add_jobs(wanted_);
  for (const auto& unit : units_) {
    auto& job = jobs_.emplace_back(Job{unit.info.lun, unit, {}, {.lun = wire_lun(unit.info.lun)}});
    if (is_left_out(job)) job.result.answer = Answer::left_out;
  }
  launch(Step::asking, kSideBySide);
}

void UnitProof::add_jobs(const std::vector<std::uint64_t>& numbers) {
  for (const auto number : numbers) {
    auto& job = jobs_.emplace_back(Job{number, std::nullopt, {}, {.lun = wire_lun(number)}});
    if (!is_left_out(job)) continue;
    job.not_taken = {Errc::timed_out, fmt::format("LUN {} did not answer in time at the last login", number)};
  }
}

// The first proof waits for units that are busy or becoming ready, as long as time is left for the other
// questions. Later ones hold the I/O of all units, and such a unit is away only until it answers.
base::Time UnitProof::patient_until() const noexcept {
  const auto now = clock_.now();
  if (scope_.asks == Asks::attentions || scope_.until <= now) return now;
  const auto left = scope_.until - now;
  return now + (finds_ ? left / 4 * 3 : std::min(left / 4, kLaterPatience));
}

void UnitProof::launch(Step step, std::size_t askers) {
  step_ = step;
  next_job_ = 0;
  for (std::size_t i = 0; i < askers; ++i) {
    auto& asker = askers_[i];
    asker.questions->use(*channel_, *region_, patient_until_);
    asker.sequence = step == Step::listing ? list(*asker.questions) : work(asker);
    asker.sequence.start();
  }
  advance();
}

Sequence<Result<>> UnitProof::list(UnitQuestions& questions) {
  auto luns = co_await questions.report_luns();
  if (!luns) co_return luns.error();
  luns_not_taken_ = luns->not_taken;
  luns_guessed_ = luns->guessed;
  add_jobs(luns->numbers);
  co_return Result<>();
}

Sequence<Result<>> UnitProof::work(Asker& asker) {
  while ((asker.job = next_job()))
    if (auto done = co_await ask(*asker.questions, *asker.job); !done) co_return done.error();
  co_return Result<>();
}

bool UnitProof::is_left_out(const Job& job) const noexcept {
  return (finds_ ? silent_ : scope_.left_out).contains(job.result.lun);
}

UnitProof::Job* UnitProof::next_job() {
  while (!error_ && next_job_ < jobs_.size()) {
    auto& job = jobs_[next_job_++];
    if (is_left_out(job) == (step_ == Step::asking_left_out)) return &job;
  }
  return nullptr;
}

Sequence<Result<>> UnitProof::ask(UnitQuestions& questions, Job& job) {
  // One of the left-out units has answered, so do not ask the others.
  if (step_ == Step::asking_left_out && any_proved_) co_return Result<>();
  if (finds_) co_return co_await find(questions, job);
  // A unit that is not ready gives I/O the same answer.
  if (scope_.asks == Asks::attentions) co_return co_await questions.take_attentions(job.number);
  co_return co_await prove(questions, job);
}

void UnitProof::on_answer(void* self) noexcept {
  auto& proof = *static_cast<UnitProof*>(self);
  try {
    proof.advance();
  } catch (const std::bad_alloc&) {
    proof.error_ = Error{Errc::no_memory, {}};
    proof.step_ = Step::over;
  }
}

// Called after each answer. Returns true if no asker waits for another one. The first failure is the proof's
// error; the other askers stop after their next answer.
bool UnitProof::is_idle() {
  bool idle = true;
  for (auto& asker : askers_) {
    if (!asker.sequence) continue;
    if (!asker.sequence.value())
      idle = false;
    else if (asker.sequence.value()->has_error() && !error_)
      error_ = asker.sequence.value()->error();
  }
  if (error_)
    for (auto& asker : askers_) asker.questions->stop();
  return idle;
}

void UnitProof::advance() {
  if (step_ == Step::idle || step_ == Step::over || !is_idle()) return;
  for (auto& asker : askers_) asker.sequence = {};
  if (error_) {
    step_ = Step::over;
  } else if (step_ == Step::listing) {
    launch(Step::asking, kSideBySide);
  } else if (step_ == Step::asking && scope_.asks == Asks::identity && !finds_ && !any_proved_) {
    // No other unit answers, so the connection is not worth more than these answers. Ask one by one, because
    // each may be silent.
    launch(Step::asking_left_out, 1);
  } else {
    finish();
  }
}

base::Time UnitProof::next() const noexcept {
  auto next = base::kNever;
  if (step_ == Step::idle || step_ == Step::over) return next;
  for (const auto& asker : askers_) next = std::min(next, asker.questions->pause_ends());
  return next;
}

void UnitProof::resume_pauses() noexcept {
  if (next() > clock_.now()) return;
  for (auto& asker : askers_)
    if (asker.questions->pause_ends() <= clock_.now()) asker.questions->resume();
  channel_->flush();
}

Result<> UnitProof::add(UnitProfile unit) {
  units_.push_back(std::move(unit));
  auto added = Result<>();
  try {
    if (sink_) added = sink_->add_unit(units_.back());
  } catch (const std::bad_alloc&) {
    added = Error{Errc::no_memory, {}};
  }
  if (!added) units_.pop_back();
  return added;
}

void UnitProof::set_not_taken(std::vector<UnitNotTaken> not_taken, std::size_t luns_not_taken,
                              Error luns_guessed) {
  std::swap(not_taken_, not_taken);
  luns_not_taken_ = luns_not_taken;
  luns_guessed_ = std::move(luns_guessed);
  if (sink_) sink_->searched(not_taken);
}

std::optional<UnitProof::Outcome> UnitProof::outcome() {
  resume_pauses();
  if (step_ != Step::over) return std::nullopt;
  if (error_) return Outcome(*error_);
  if (sink_ && scope_.asks != Asks::attentions)
    if (auto taken = sink_->take_units(units_); !taken) return Outcome(taken.error());
  std::span<const session::ProvedUnit> found;
  if (scope_.asks == Asks::identity) found = proved_;
  return Outcome(found);
}

}  // namespace srpi::lun
