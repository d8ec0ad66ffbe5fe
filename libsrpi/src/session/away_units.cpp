// SPDX-License-Identifier: Apache-2.0
#include "session/away_units.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "scsi/sense.hpp"
#include "session/channel_set.hpp"

namespace srpi::session {
namespace {

using UnitState = AwayUnits::State;

constexpr bool away(UnitState s) noexcept { return s == UnitState::away || s == UnitState::stuck; }
constexpr bool withheld(UnitState s) noexcept { return away(s) || s == UnitState::unfenced; }
constexpr bool silent(UnitState s) noexcept { return s == UnitState::silent || s == UnitState::stuck; }

UnitState state_of(const ProvedUnit& unit, UnitState before, bool to_fence) noexcept {
  switch (unit.answer) {
    case ProvedUnit::Answer::refused: return UnitState::away;
    case ProvedUnit::Answer::left_out: return UnitState::stuck;
    case ProvedUnit::Answer::proved: break;
  }
  return withheld(before) && to_fence ? UnitState::unfenced : UnitState::here;
}

}  // namespace

AwayUnits::AwayUnits(const SessionOptions& options, base::Random& random) noexcept
    : options_(options), ask_delay_(options, random), resets_(options) {
  command_.cdb = scsi::test_unit_ready();
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &AwayUnits::on_answer;
}

AwayUnits::Unit* AwayUnits::find(std::uint64_t lun) noexcept {
  const auto known = std::span(units_).first(count_);
  const auto unit = std::ranges::find(known, lun, &Unit::lun);
  return unit != known.end() ? &*unit : nullptr;
}

const AwayUnits::Unit* AwayUnits::find(std::uint64_t lun) const noexcept {
  const auto unit = std::ranges::find(units(), lun, &Unit::lun);
  return unit != units().end() ? &*unit : nullptr;
}

AwayUnits::State AwayUnits::state(std::uint64_t lun) const noexcept {
  const auto* const unit = find(lun);
  return unit ? unit->state : State::here;
}

bool AwayUnits::is_away(std::uint64_t lun) const noexcept { return away(state(lun)); }

ProofScope AwayUnits::scope(ProofScope::Asks asks) const noexcept {
  ProofScope scope;
  scope.asks = asks;
  for (const auto& unit : units())
    if (silent(unit.state) || (asks == ProofScope::Asks::presence && away(unit.state)))
      scope.left_out.add(unit.lun);
  return scope;
}

std::uint64_t AwayUnits::keepalive_lun() const noexcept {
  const auto unit = std::ranges::find_if(units(), [](const Unit& u) { return !silent(u.state); });
  return unit != units().end() ? unit->lun : 0;
}

std::optional<std::uint64_t> AwayUnits::next_to_fence(const FenceMarks& marks) const noexcept {
  for (const auto lun : marks.luns())
    if (!is_away(lun)) return lun;
  return std::nullopt;
}

bool AwayUnits::turn_away(Command& command, base::Time now) const noexcept {
  const auto* const unit = find(command.lun);
  if (!unit || !withheld(unit->state)) return false;
  command.error = Errc::ok;
  command.status = scsi::Status::busy;
  command.residual_bytes = command.data_bytes;
  command.sense_bytes = 0;
  if (!away(unit->state)) return true;
  if (unit->retry == scsi::RetryClass::none) {
    // The unit may only have been slow, so its I/O is retried for a moment.
    if (!resets_.asked_just_now(unit->lun, now)) command.error = unit->code;
  } else if (unit->retry == scsi::RetryClass::becoming_ready) {
    const auto sense = scsi::encode(scsi::make_sense(scsi::SenseKey::not_ready, scsi::kBecomingReady));
    const auto bytes = std::as_bytes(sense.span());
    command.status = scsi::Status::check_condition;
    command.sense_bytes = static_cast<std::uint8_t>(std::min(bytes.size(), command.sense.size()));
    std::copy_n(bytes.begin(), command.sense_bytes, reinterpret_cast<std::byte*>(command.sense.data()));
  }
  return true;
}

void AwayUnits::know(std::span<const ProvedUnit> proved) noexcept {
  SRPI_CHECK(proved.size() <= units_.size());
  if (count_ > 0) return;
  for (const auto& unit : proved) units_[count_++] = {unit.lun};
  end_round();
}

std::size_t AwayUnits::update(std::span<const ProvedUnit> proved, const FenceMarks& marks,
                              base::Time now) noexcept {
  SRPI_CHECK(proved.size() <= units_.size());
  std::size_t back = 0, left = 0;
  for (std::size_t i = 0; i < proved.size(); ++i) {
    const auto& unit = proved[i];
    const auto before = i < count_ && units_[i].lun == unit.lun ? units_[i].state : state(unit.lun);
    const auto after = state_of(unit, before, options_.fence && marks.contains(unit.lun));
    back += withheld(before) && !away(after);
    left += !withheld(before) && away(after);
    units_[i] = {unit.lun, after, unit.code, unit.retry};
  }
  count_ = proved.size();
  count_and_check();
  SRPI_CHECK(count_ == 0 || std::ranges::any_of(units(), [](const Unit& u) { return !away(u.state); }));

  end_round();
  if (question_ == Question::answered) question_ = Question::none;  // the answer is older than this proof
  if (std::ranges::none_of(units(), silent, &Unit::state)) resets_.on_none_stuck(now);
  if (back + left > 0) ask_delay_.reset();
  if (withheld_ > 0) ask_at_ = ask_delay_.next(now);
  return back;
}

void AwayUnits::add(std::span<const ProvedUnit> found, const FenceMarks& marks, base::Time now) noexcept {
  SRPI_CHECK(count_ + found.size() <= units_.size());
  const bool any_withheld_before = any_withheld();
  for (const auto& unit : found) {
    SRPI_CHECK(!find(unit.lun));
    const auto state = state_of(unit, State::away, options_.fence && marks.contains(unit.lun));
    units_[count_++] = {unit.lun, state, unit.code, unit.retry};
  }
  end_round();
  count_and_check();
  if (any_withheld() && !any_withheld_before) ask_at_ = ask_delay_.next(now);
}

void AwayUnits::on_silence(std::uint64_t lun) noexcept {
  auto* const unit = find(lun);
  if (!unit) return;
  if (!withheld(unit->state)) {
    unit->state = State::silent;
  } else {
    unit->state = State::stuck;
    if (unit->code == Errc::ok) unit->code = Errc::timed_out, unit->retry = scsi::RetryClass::busy;
  }
  count_and_check();
}

void AwayUnits::on_silence_at_login(std::uint64_t lun) noexcept {
  if (silent(state(lun))) forget_silence();
  on_silence(lun);
}

void AwayUnits::forget_silence() noexcept {
  for (auto& unit : std::span(units_).first(count_))
    if (silent(unit.state)) unit.state = unit.state == State::stuck ? State::away : State::here;
}

void AwayUnits::on_fenced(std::uint64_t lun) noexcept {
  auto* const unit = find(lun);
  if (!unit || unit->state != State::unfenced) return;
  unit->state = State::here;
  count_and_check();
}

AwayUnits::Next AwayUnits::ask(ChannelSet& channels, base::Time now) noexcept {
  if (now < next_question()) return Next::nothing;
  if (asked_ >= count_) {
    ask_at_ = ask_delay_.next(now);
    asked_ = 0;
    if (ask_stuck(channels, now, StuckResets::Why::time) == Next::prove) return Next::prove;
  }
  ask_next(channels);
  return Next::nothing;
}

AwayUnits::Next AwayUnits::ask_stuck(ChannelSet& channels, base::Time now, StuckResets::Why why) noexcept {
  if (why == StuckResets::Why::request) resets_.forget_answers();
  if (std::ranges::none_of(units(), silent, &Unit::state) || !resets_.may_ask(now)) return Next::nothing;
  if (!channels.has_room_aside()) {
    forget_silence();
    return Next::prove;
  }
  for (const auto& unit : units())
    if (unit.state == State::stuck) resets_.ask(unit.lun, channels, now, why);
  return Next::nothing;
}

void AwayUnits::ask_next(ChannelSet& channels) noexcept {
  while (asked_ < count_ && units_[asked_].state != State::away) ++asked_;
  if (asked_ >= count_) return;
  command_.lun = units_[asked_++].lun;
  question_ = Question::asked;
  channels.submit(command_);
}

base::Time AwayUnits::next_question() const noexcept {
  if (withheld_ == 0 || question_ != Question::none) return base::kNever;
  if (asked_ < count_) return {};  // the round continues at once
  return std::ranges::any_of(units(), away, &Unit::state) ? ask_at_ : base::kNever;
}

void AwayUnits::on_answer(Command& command) noexcept {
  auto& self = *static_cast<AwayUnits*>(command.owner);
  self.question_ = command.error == Errc::ok ? Question::answered : Question::none;
  if (command.error != Errc::ok) self.end_round();  // the channel has ended
}

// The proof finds out the cause of a unit attention.
AwayUnits::Answer AwayUnits::judge_answer() noexcept {
  question_ = Question::none;
  const auto sense = scsi::decode_sense({command_.sense.data(), command_.sense_bytes});
  const auto what = scsi::classify(command_.status, sense ? &*sense : nullptr);
  const bool answers = what.action == scsi::Action::complete || what.error == Errc::unit_attention;
  const bool tells = answers || what.event == scsi::Event::deferred_error;
  return {command_.lun, tells ? what.event : scsi::Event::none, answers ? Next::prove : Next::nothing};
}

std::optional<AwayUnits::Answer> AwayUnits::take_answer(ChannelSet& channels, base::Time now) noexcept {
  if (const auto lun = resets_.take_answered(channels, now)) {
    if (auto* const unit = find(*lun); unit && silent(unit->state))
      unit->state = unit->state == State::stuck ? State::away : State::here;
    return Answer{*lun, scsi::Event::none, Next::prove};
  }
  if (question_ != Question::answered) return std::nullopt;
  return judge_answer();
}

void AwayUnits::count_and_check() noexcept {
  withheld_ = static_cast<std::size_t>(std::ranges::count_if(units(), withheld, &Unit::state));
  for (const auto& unit : units()) SRPI_CHECK((unit.code != Errc::ok) == away(unit.state));
}

}  // namespace srpi::session
