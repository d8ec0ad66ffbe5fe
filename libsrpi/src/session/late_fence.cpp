// SPDX-License-Identifier: Apache-2.0
#include "session/late_fence.hpp"

#include <algorithm>
#include <utility>

#include "base/make_error.hpp"
#include "wire/lun.hpp"

namespace srpi::session {
namespace {

Error unconfirmed(const Tmf& reset) noexcept {
  const bool answered = reset.error == Errc::ok;
  const auto* const what = answered ? to_string(reset.result) : "not answered";
  return base::make_error(
      answered ? Errc::target_error : Errc::timed_out,
      "LUN {}: LOGICAL UNIT RESET, which has to end writes that a lost channel left unanswered, was {}",
      [&] { return wire::lun_to_string(reset.lun); }, what);
}

}  // namespace

LateFence::LateFence(const SessionOptions& options, UnitResets& resets) noexcept
    : options_(options), resets_(resets) {}

void LateFence::on_channel_lost(base::Time now) noexcept {
  if (state_ == State::resetting) state_ = State::outdated;
  if (state_ == State::answered) state_ = State::idle;
  not_before_ = now + options_.transport_tries_for();
}

base::Time LateFence::due_at(const FenceMarks& marks, const AwayUnits& units) const noexcept {
  if (!options_.fence || state_ != State::idle || marks.empty()) return base::kNever;
  return units.next_to_fence(marks) ? not_before_ : base::kNever;
}

void LateFence::start_due(base::Time now, const FenceMarks& marks, const AwayUnits& units) noexcept {
  if (now < due_at(marks, units)) return;
  state_ = State::resetting;
  reset_ = {};
  reset_.function = wire::TaskFunction::lun_reset;
  reset_.lun = *units.next_to_fence(marks);
  reset_.deadline = now + options_.task_management_timeout;
  reset_.owner = this;
  reset_.on_complete = &LateFence::on_complete;
  resets_.submit_anew(reset_);
}

void LateFence::on_complete(Tmf& reset) noexcept {
  auto& self = *static_cast<LateFence*>(reset.owner);
  const bool settles = self.state_ == State::resetting && reset.error != Errc::no_connect;
  self.state_ = settles ? State::answered : State::idle;
}

std::optional<LateFence::Result> LateFence::take_result() noexcept {
  if (state_ != State::answered) return std::nullopt;
  state_ = State::idle;
  return Result{reset_.lun, reset_.deadline - options_.task_management_timeout,
                reset_.confirmed() ? Error{} : unconfirmed(reset_)};
}

CommandList LateFence::take_unit(std::uint64_t lun) noexcept {
  CommandList taken, kept;
  while (auto* c = in_doubt_.pop_front()) (c->lun == lun ? taken : kept).push_back(*c);
  in_doubt_ = std::move(kept);
  return taken;
}

CommandList LateFence::take_withheld(const AwayUnits& units, base::Time now) noexcept {
  CommandList taken, kept;
  while (auto* c = in_doubt_.pop_front()) (units.turn_away(*c, now) ? taken : kept).push_back(*c);
  in_doubt_ = std::move(kept);
  return taken;
}

void LateFence::cancel(std::uint64_t lun, base::Time now) noexcept {
  auto all = std::exchange(in_doubt_, {});
  while (auto* c = all.pop_front()) {
    if (c->lun == lun) {
      c->internal.deadline = std::min(c->internal.deadline, now);
      c->internal.end_error = Errc::cancelled;
    }
    in_doubt_.push_back(*c);
  }
}

CommandList LateFence::end() noexcept {
  if (state_ == State::resetting || state_ == State::outdated) resets_.withdraw(reset_);
  state_ = State::idle;
  return std::exchange(in_doubt_, {});
}

}  // namespace srpi::session
