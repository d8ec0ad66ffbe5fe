// SPDX-License-Identifier: Apache-2.0
// The search for units that the target has beside those of a proof. It asks them what a first login asks, several at
// the same time, while the session's I/O goes on.
//
//   idle     no search runs                               start: -> listing, or over if the units were wanted by number
//   listing  the target is asked for its LUNs             -> asking
//   asking   the new ones are asked                       -> over
//   over     take() adds the found units                  -> idle
//   (any)    time is over, or an error: -> over; cancel: -> idle
//
// A unit that does not answer costs nothing but itself: its command has no deadline and keeps its buffer until it is
// answered or the channel ends. So a channel that permits few requests has fewer questions at the same time. If it
// permits only one to three, the question has a deadline, and the unit may cost a connection. Later searches leave
// it out, until an operator asks.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "lun/unit_questions.hpp"
#include "session/search.hpp"

namespace srpi::lun {

class UnitProof;

class UnitSearch final : public session::Search {
 public:
  // Of the options, it uses the wanted LUNs and the limits.
  UnitSearch(const SessionOptions&, const base::Clock&, UnitProof&);

  void start(session::Channel&, const session::LunSet& left_out, base::Time until) override;
  [[nodiscard]] bool has_ended() override;
  [[nodiscard]] Found take() override;
  bool is_worth_repeating() const noexcept override;
  void forget_silence() noexcept override { silent_.clear(); }
  [[nodiscard]] base::Time next() const noexcept override;
  void cancel() noexcept override;
  void let_device_go() noexcept override;

 private:
  static constexpr std::size_t kSideBySide = 4;
  enum class Step : std::uint8_t { idle, listing, asking, over };
  // A LUN that the session does not have, with the answer.
  struct Job {
    std::uint64_t number = 0;
    std::optional<UnitProfile> profile;
    Error not_taken;  // code ok: there is no block device, or it is found
    enum class State : std::uint8_t { waiting, asked, answered, left_out } state = State::waiting;
  };
  struct Asker {
    std::unique_ptr<UnitQuestions> questions;
    Sequence<Result<>> sequence;
  };

  [[nodiscard]] Result<> prepare();
  void launch(Step);
  [[nodiscard]] std::size_t usual_askers() const noexcept;
  [[nodiscard]] std::size_t most_askers() const noexcept;
  [[nodiscard]] Sequence<Result<>> list(UnitQuestions&);
  [[nodiscard]] Sequence<Result<>> work(UnitQuestions&);
  [[nodiscard]] Job* next_job() noexcept;
  static void judge(Job&, Result<std::optional<UnitProfile>>, bool guessed);
  static void on_answer(void* self) noexcept;
  void advance();
  void end_sequences() noexcept;
  void end_at_limit();
  void note_not_taken();

  const SessionOptions& options_;
  const base::Clock& clock_;
  UnitProof& proof_;

  Step step_ = Step::idle;
  session::Channel* channel_ = nullptr;
  session::LunSet left_out_;
  session::LunSet silent_;  // new units whose silence may have cost a connection
  base::Time until_{};
  std::optional<UnitQuestions::Luns> luns_;  // the target's answer
  std::vector<Job> jobs_;
  std::size_t next_job_ = 0;
  Error error_;  // the first
  std::vector<session::ProvedUnit> found_;

  std::shared_ptr<fabric::Device> device_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<fabric::MemoryRegion> region_;
  std::array<Asker, kSideBySide> askers_;
};

}  // namespace srpi::lun
