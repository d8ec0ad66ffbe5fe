// SPDX-License-Identifier: Apache-2.0
// The session's units, and which of them are away while the others work. No other class stores this.
//
//   here      I/O goes to the unit
//   silent    like here, but its silence has cost a connection: the next proof leaves it out
//   away      it refused to identify itself: not ready, no such unit, reserved for another initiator
//   stuck     it was left out by the proof, because it leaves everything unanswered: a disk that hangs
//   unfenced  it has identified itself again, but an old write may still come late
//
// A proof of identity decides the state of every unit (update). Three other events change it: silence makes a
// unit silent, or stuck if it was away; an answered reset makes a stuck unit away, and the next proof asks
// it; the fence ends `unfenced`.
//
// Invariants:
//  1. A unit that is away, stuck or unfenced is withheld: no I/O reaches it. Commands for it are answered in its place.
//  2. Not all units are away or stuck. A proof that no unit answers fails, and the session is lost.
//  3. A unit that is away or stuck keeps its fence mark, and is not fenced. A unit is unfenced only with a mark.
//  4. While other units answer, a unit that is silent or stuck is asked nothing except by the reset of StuckResets.
//  5. A unit that is away or stuck has an error code, with which its I/O fails. Other units have none.
//
// A unit that is away gets one TEST UNIT READY, with growing delays. No I/O is held for it. Any answer except
// a refusal may mean its return. Then all units are proved, because a different unit may answer now.
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

  // --- queries
  [[nodiscard]] std::span<const Unit> units() const noexcept { return std::span(units_).first(count_); }
  [[nodiscard]] State state(std::uint64_t lun) const noexcept;  // `here` for an unknown unit
  [[nodiscard]] bool is_away(std::uint64_t lun) const noexcept;
  [[nodiscard]] bool any_withheld() const noexcept { return withheld_ > 0; }
  [[nodiscard]] ProofScope scope(ProofScope::Asks) const noexcept;
  // A unit for the keepalive: one that is not stuck.
  [[nodiscard]] std::uint64_t keepalive_lun() const noexcept;
  // The next unit to fence: marked and not away.
  [[nodiscard]] std::optional<std::uint64_t> next_to_fence(const FenceMarks&) const noexcept;
  // Returns false if I/O may go to the unit. Otherwise sets the command's outcome and returns true. The
  // outcome is such that the usual retry rules apply.
  [[nodiscard]] bool turn_away(Command&, base::Time now) const noexcept;

  // --- events
  // Called when the first proof has found the units.
  void know(std::span<const ProvedUnit>) noexcept;
  // Called after a proof of identity. Returns the number of units that are back; each may have lost its
  // power.
  std::size_t update(std::span<const ProvedUnit>, const FenceMarks&, base::Time now) noexcept;
  // Called when a search has found units that the session did not have. A marked one waits for its fence.
  void add(std::span<const ProvedUnit>, const FenceMarks&, base::Time now) noexcept;
  // A connection ends because this unit left something unanswered.
  void on_silence(std::uint64_t lun) noexcept;
  // The same for a login. If the unit was asked because no other unit answers, the next login asks the
  // others.
  void on_silence_at_login(std::uint64_t lun) noexcept;
  void on_fenced(std::uint64_t lun) noexcept;

  // --- asking the units that are away
  enum class Next : std::uint8_t { nothing, prove };
  // Asks the units that are due. Permitted while no proof runs.
  [[nodiscard]] Next ask(ChannelSet&, base::Time now) noexcept;
  // Sends resets to the stuck units. Returns `prove` if this login has no room for such resets; no unit is
  // stuck then.
  [[nodiscard]] Next ask_stuck(ChannelSet&, base::Time now, StuckResets::Why) noexcept;
  [[nodiscard]] base::Time next_question() const noexcept;
  struct Answer {
    std::uint64_t lun = 0;
    scsi::Event event = scsi::Event::none;  // reported by the answer
    Next next = Next::nothing;
  };
  // The result since the last call. Call it after completions were processed.
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
  std::size_t asked_ = 0;  // how many of units_ this round has asked
  base::Time ask_at_ = base::kNever;
  Backoff ask_delay_;
  StuckResets resets_;
};

}  // namespace srpi::session
