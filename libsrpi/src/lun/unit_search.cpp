// SPDX-License-Identifier: Apache-2.0
#include "lun/unit_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lun/unit_proof.hpp"

namespace srpi::lun {

UnitSearch::UnitSearch(const SessionOptions& options, const base::Clock& clock, UnitProof& proof)
    : options_(options), clock_(clock), proof_(proof), buffer_(kSideBySide * UnitQuestions::kBufferBytes) {
  for (std::size_t i = 0; i < kSideBySide; ++i)
    askers_[i].questions =
        std::make_unique<UnitQuestions>(buffer_.data() + i * UnitQuestions::kBufferBytes,
                                        options.max_transfer_bytes, clock, &UnitSearch::on_answer, this);
}

void UnitSearch::start(session::Channel& channel, const session::LunSet& left_out, base::Time until) {
  cancel();
  channel_ = &channel;
  left_out_ = left_out;
  until_ = until;
  luns_.reset();
  jobs_.clear();
  found_.clear();
  error_ = {};
  step_ = Step::over;
  if (!options_.luns.empty()) return;  // these are all that the session may have
  try {
    if (const auto prepared = prepare(); prepared)
      launch(Step::listing);
    else
      error_ = prepared.error();
  } catch (const std::bad_alloc&) {
    error_ = Error{Errc::no_memory, {}};
    step_ = Step::over;
  }
}

Result<> UnitSearch::prepare() {
  if (channel_->device() == device_) return {};
  let_device_go();
  auto region = channel_->device()->register_memory(buffer_, fabric::Access::remote);
  if (!region) return region.error();
  region_ = std::move(*region);
  device_ = channel_->device();
  return {};
}

// Questions that are never answered must leave room for I/O, which has the other requests and slots. 0: there is none.
std::size_t UnitSearch::usual_askers() const noexcept {
  const auto requests = static_cast<std::size_t>(std::max(channel_->terms().request_limit, 0));
  return std::min({kSideBySide, requests / 4, std::size_t{channel_->limits().queue_depth / 2}});
}

std::size_t UnitSearch::most_askers() const noexcept {
  const auto out = static_cast<std::size_t>(
      std::ranges::count_if(askers_, [](const Asker& a) { return a.questions->is_outstanding(); }));
  const auto most = std::max<std::size_t>(usual_askers(), 1);
  return most > out ? most - out : 0;
}

void UnitSearch::launch(Step step) {
  step_ = step;
  next_job_ = 0;
  auto left = step == Step::listing ? std::min<std::size_t>(most_askers(), 1) : most_askers();
  const auto patient_until = clock_.now() + (until_ - clock_.now()) / 4 * 3;
  const auto use = usual_askers() > 0 ? UnitQuestions::Use::search : UnitQuestions::Use::narrow_search;
  for (auto& asker : askers_) {
    if (left == 0) break;
    if (asker.questions->is_outstanding()) continue;
    --left;
    asker.questions->use(*channel_, *region_, patient_until, use);
    asker.sequence = step == Step::listing ? list(*asker.questions) : work(*asker.questions);
    asker.sequence.start();
  }
  advance();
}

Sequence<Result<>> UnitSearch::list(UnitQuestions& questions) {
  auto luns = co_await questions.report_luns(!left_out_.contains(0));
  if (!luns) co_return luns.error();
  auto room = UnitProof::kMaxUnits - proof_.units().size();
  for (const auto number : luns->numbers) {
    if (std::ranges::any_of(proof_.units(), [&](const auto& u) { return u.info.lun == number; })) continue;
    if (room == 0) {
      ++luns->not_taken;
      continue;
    }
    --room;
    auto& job = jobs_.emplace_back();
    job.number = number;
    if (!silent_.contains(wire_lun(number))) continue;
    job.state = Job::State::left_out;
    job.not_taken = {
        Errc::timed_out,
        fmt::format("LUN {} did not answer in an earlier search; a rescan on request asks it again", number)};
  }
  luns_ = std::move(*luns);
  co_return Result<>();
}

Sequence<Result<>> UnitSearch::work(UnitQuestions& questions) {
  while (auto* const job = next_job()) {
    job->state = Job::State::asked;
    auto answer = co_await questions.profile(job->number);
    if (!answer && !questions.is_about_unit(answer.error())) co_return answer.error();
    judge(*job, std::move(answer), luns_->guessed.code != Errc::ok);
  }
  co_return Result<>();
}

UnitSearch::Job* UnitSearch::next_job() noexcept {
  while (error_.code == Errc::ok && next_job_ < jobs_.size())
    if (auto& job = jobs_[next_job_++]; job.state == Job::State::waiting) return &job;
  return nullptr;
}

void UnitSearch::judge(Job& job, Result<std::optional<UnitProfile>> answer, bool guessed) {
  job.state = Job::State::answered;
  if (answer)
    job.profile = std::move(*answer);
  else if (!guessed || answer.error().code != Errc::no_such_lun)
    job.not_taken = answer.error();
}

void UnitSearch::on_answer(void* self) noexcept {
  auto& search = *static_cast<UnitSearch*>(self);
  try {
    search.advance();
  } catch (const std::bad_alloc&) {
    search.error_ = Error{Errc::no_memory, {}};
    search.step_ = Step::over;
  }
}

// Called after each answer.
void UnitSearch::advance() {
  if (step_ != Step::listing && step_ != Step::asking) return;
  bool is_idle = true;
  for (auto& asker : askers_) {
    if (!asker.sequence) continue;
    if (!asker.sequence.value())
      is_idle = false;
    else if (asker.sequence.value()->has_error() && error_.code == Errc::ok)
      error_ = asker.sequence.value()->error();
  }
  if (!is_idle) return;
  const bool anything_asked =
      std::ranges::any_of(askers_, [](const Asker& a) { return static_cast<bool>(a.sequence); });
  for (auto& asker : askers_) asker.sequence = {};
  if (error_.code == Errc::ok && step_ == Step::listing && anything_asked) return launch(Step::asking);
  if (!anything_asked && (step_ == Step::listing || !jobs_.empty())) return end_at_limit();
  step_ = Step::over;
}

void UnitSearch::end_sequences() noexcept {
  for (auto& asker : askers_) {
    asker.questions->cancel();
    asker.sequence = {};
  }
}

// The time is over, or earlier questions without an answer leave no room for others.
void UnitSearch::end_at_limit() {
  if (step_ == Step::listing)
    error_ = {Errc::timed_out, "the target does not answer REPORT LUNS, or leaves no room for it"};
  end_sequences();
  step_ = Step::over;
  for (auto& job : jobs_) {
    const bool is_asked = job.state == Job::State::asked;
    if (!is_asked && job.state != Job::State::waiting) continue;
    if (is_asked && usual_askers() == 0) silent_.add(wire_lun(job.number));
    job.not_taken = {Errc::timed_out,
                     fmt::format("LUN {} {}", job.number,
                                 is_asked ? "did not answer in time"
                                          : "was not asked, because others did not answer in time")};
  }
}

base::Time UnitSearch::next() const noexcept {
  if (step_ == Step::over) return {};
  if (step_ == Step::idle) return base::kNever;
  auto next = until_;
  for (const auto& asker : askers_) next = std::min(next, asker.questions->pause_ends());
  return next;
}

bool UnitSearch::has_ended() {
  const auto now = clock_.now();
  if (step_ != Step::over && next() <= now) {
    for (auto& asker : askers_)
      if (asker.questions->pause_ends() <= now) asker.questions->resume();
    if (step_ != Step::over && until_ <= now) end_at_limit();
    channel_->flush();
  }
  return step_ == Step::over;
}

UnitSearch::Found UnitSearch::take() {
  step_ = Step::idle;
  if (!luns_) return {{}, error_};
  try {
    found_.reserve(jobs_.size());
    for (auto& job : jobs_) {
      if (!job.profile) continue;
      session::ProvedUnit unit{.lun = wire_lun(job.number)};
      if (const auto& away = job.profile->info.away; away.code != Errc::ok)
        unit = {unit.lun, session::ProvedUnit::Answer::refused, away.code, job.profile->retry};
      if (const auto added = proof_.add(std::move(*job.profile)); !added) return {found_, added.error()};
      found_.push_back(unit);
    }
    note_not_taken();
  } catch (const std::bad_alloc&) {
    error_ = Error{Errc::no_memory, {}};
  }
  return {found_, error_};
}

void UnitSearch::note_not_taken() {
  std::vector<UnitNotTaken> not_taken;
  for (auto& job : jobs_)
    if (job.not_taken.code != Errc::ok) not_taken.push_back({job.number, std::move(job.not_taken)});
  proof_.set_not_taken(std::move(not_taken), luns_->not_taken, std::move(luns_->guessed));
}

bool UnitSearch::is_worth_repeating() const noexcept {
  return std::ranges::any_of(proof_.not_taken(), [](const UnitNotTaken& unit) {
    return make_error_code(unit.why.code) == make_error_condition(Condition::retry_same_path);
  });
}

void UnitSearch::cancel() noexcept {
  end_sequences();
  step_ = Step::idle;
}

void UnitSearch::let_device_go() noexcept {
  region_.reset();
  device_.reset();
}

}  // namespace srpi::lun
