// SPDX-License-Identifier: Apache-2.0
// The session's units, and which of them are away while the others go on. This is the one place that knows it.
//
//   here      I/O goes to the unit
//   silent    as here, but its silence has cost a connection: the next proof leaves it out
//   away      it refused to say who it is: not ready, not there any more, reserved for somebody else
//   stuck     it was left out by the proof, because it leaves everything unanswered: a disk that hangs
//   unfenced  it has answered the proof again, and an old write to it may still come late
//
// A proof of identity decides the state of every unit (update). Beside it: silence makes a unit silent, or stuck where it
// was away; an answered reset makes a stuck unit an away one, which the next proof asks; the fence ends unfenced.
//
// What holds:
//  1. A unit that is away, stuck or unfenced is withheld: no I/O reaches it. Commands for it are answered in its place.
//  2. Not all units are away or stuck: a proof that nobody answers fails, and the session is lost.
//  3. A unit that is away or stuck keeps its fence mark, and is not fenced. A unit is unfenced only with a mark.
//  4. A unit that is silent or stuck is asked nothing but the reset of StuckResets, as long as others answer.
//  5. A unit that is away or stuck has a code, which its I/O fails with; any other unit has none.
//
// A unit that is away is asked one TEST UNIT READY, with growing delays; nobody's I/O is held for it. Any answer but a
// refusal may be its return: then all units have to be proved, because what answers there now may be another unit.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "session/backoff.hpp"
#include "session/fence_marks.hpp"
#include "session/proof.hpp"
#include "session/stuck_resets.hpp"

namespace srpi::session {

class AwayUnits {
 public:
  enum class State : std::uint8_t { here, silent, away, stuck, unfenced };
  struct Unit {
    std::uint64_t lun = 0;
    State state = State::here;
    Errc code = Errc::ok;
    scsi::RetryClass retry = scsi::RetryClass::none;
  };

  AwayUnits(const SessionOptions&, base::Random&) noexcept;
  AwayUnits(const AwayUnits&) = delete;
  AwayUnits& operator=(const AwayUnits&) = delete;

  // --- what the others need to know
  [[nodiscard]] std::span<const Unit> units() const noexcept { return std::span(units_).first(count_); }
  [[nodiscard]] State state(std::uint64_t lun) const noexcept;  // `here` where the unit is not known
  [[nodiscard]] bool is_away(std::uint64_t lun) const noexcept;
  [[nodiscard]] bool any_withheld() const noexcept { return withheld_ > 0; }
  [[nodiscard]] ProofScope scope(ProofScope::Asks) const noexcept;
  // A unit that answers. What it answers does not matter to a keepalive.
  [[nodiscard]] std::uint64_t keepalive_lun() const noexcept;
  // The next unit to fence: one that has a mark and is not away.
  [[nodiscard]] std::optional<std::uint64_t> next_to_fence(const FenceMarks&) const noexcept;
  // False: I/O may go to the unit. True: the command has its outcome now. It is answered so that what the unit's own
  // answer would have been retried for is retried.
  [[nodiscard]] bool turn_away(Command&, base::Time now) const noexcept;

  // --- what happens to the units
  // A proof has found them; they are here until `update` says otherwise.
  void know(std::span<const ProvedUnit>) noexcept;
  // After a proof of identity. Returns how many units are back: each may have lost its power meanwhile.
  std::size_t update(std::span<const ProvedUnit>, const FenceMarks&, base::Time now) noexcept;
  // A connection is given up because this unit left something unanswered.
  void on_silence(std::uint64_t lun) noexcept;
  // The same of a login. Where the unit was asked for want of any other that answers, the others are asked next time.
  void on_silence_at_login(std::uint64_t lun) noexcept;
  void on_fenced(std::uint64_t lun) noexcept;

  // --- asking those that are away
  enum class Next : std::uint8_t { nothing, prove };
  // Asks what is due, while no proof runs.
  [[nodiscard]] Next ask(ChannelSet&, base::Time now) noexcept;
  // Asks the stuck units. `prove`: this login has left no room for their resets; none is stuck any more.
  [[nodiscard]] Next ask_stuck(ChannelSet&, base::Time now, StuckResets::Why) noexcept;
  [[nodiscard]] base::Time next_question() const noexcept;
  struct Answer {
    std::uint64_t lun = 0;
    scsi::Event event = scsi::Event::none;  // that the answer tells
    Next next = Next::nothing;
  };
  // What has come since, to be called after completions were taken.
  [[nodiscard]] std::optional<Answer> take_answer(ChannelSet&, base::Time now) noexcept;

 private:
  enum class Question : std::uint8_t { none, asked, answered };
  [[nodiscard]] Unit* find(std::uint64_t lun) noexcept;
  [[nodiscard]] const Unit* find(std::uint64_t lun) const noexcept;
  void forget_silence() noexcept;
  void ask_next(ChannelSet&) noexcept;
  void end_round() noexcept { asked_ = count_; }
  [[nodiscard]] Answer judge_answer() noexcept;
  static void on_answer(Command&) noexcept;
  void count_and_check() noexcept;

  const SessionOptions& options_;
  std::array<Unit, LunSet::kMost> units_;
  std::size_t count_ = 0;
  std::size_t withheld_ = 0;  // of units_

  Command command_;  // TEST UNIT READY
  Question question_ = Question::none;
  std::size_t asked_ = 0;  // units_ that this round has come to
  base::Time ask_at_ = base::kNever;
  Backoff ask_delay_;
  StuckResets resets_;
};

}  // namespace srpi::session
