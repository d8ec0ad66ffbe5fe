// SPDX-License-Identifier: Apache-2.0
// The proof of a session's logical units: the first one finds the units, later ones show that they are the
// same. It asks several units at the same time, because all I/O waits for it.
//
//   idle             no proof runs                              start: -> listing (first proof, all LUNs), or asking
//   listing          the target is asked for its LUNs           -> asking
//   asking           the units are asked                        -> over; a proof of identity that no unit answers
//                                                                  -> asking_left_out
//   asking_left_out  the left-out units are asked one by one    -> over
//   over             outcome() returns the result
//   (any)            an error: -> over; cancel: -> idle
//
//   unit_proof.cpp     the steps
//   unit_verdicts.cpp  what becomes of the units by their answers
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "lun/unit_questions.hpp"
#include "lun/unit_search.hpp"

namespace srpi::lun {

// Gets the found units.
class UnitSink {
 public:
  virtual ~UnitSink() = default;
  // Called when the result of a proof is taken, except of a proof of attentions. If it fails, the proof fails.
  // After a later proof, units may have grown, or be away or back.
  [[nodiscard]] virtual Result<> take_units(std::span<const UnitProfile>) = 0;
  // Called for each unit that a search has found. If it fails, the unit is not added.
  [[nodiscard]] virtual Result<> add_unit(const UnitProfile&) = 0;
  // Called after a search with the units that could not be taken before it.
  virtual void searched(std::span<const UnitNotTaken> before) = 0;
};

class UnitProof final : public session::Proof {
 public:
  // Of the options, it uses the wanted LUNs and the limits. The sink may be null.
  UnitProof(const SessionOptions&, const base::Clock&, UnitSink* = nullptr);
  ~UnitProof() override;

  void start(session::Channel&, const session::ProofScope&) override;
  [[nodiscard]] std::optional<Outcome> outcome() override;
  [[nodiscard]] base::Time next() const noexcept override;
  void cancel() noexcept override;
  void let_device_go() noexcept override;
  session::Search& search() noexcept override { return search_; }

  // For the search, while no proof runs.
  [[nodiscard]] Result<> add(UnitProfile);
  void set_not_taken(std::vector<UnitNotTaken>, std::size_t luns_not_taken, Error luns_guessed);

  // Valid after the first success. Later proofs may change the sizes.
  [[nodiscard]] const std::vector<UnitProfile>& units() const noexcept { return units_; }
  // Of the first proof or the last search: the number of LUNs that the target has reported beyond kMaxUnits, the limit of a session.
  [[nodiscard]] std::size_t luns_not_taken() const noexcept { return luns_not_taken_; }
  // Set if the target has not reported its LUNs, so that LUN numbers were tried: why.
  [[nodiscard]] const Error& luns_guessed() const noexcept { return luns_guessed_; }
  // The units that could not be taken.
  [[nodiscard]] std::span<const UnitNotTaken> not_taken() const noexcept { return not_taken_; }
  static constexpr std::uint32_t kMaxUnits = UnitQuestions::kMaxUnits;

 private:
  static constexpr std::size_t kSideBySide = 8;
  enum class Step : std::uint8_t { idle, listing, asking, asking_left_out, over };
  // One unit with its result.
  struct Job {
    std::uint64_t number = 0;
    std::optional<UnitProfile> profile;  // nullopt: not known yet, no block device, or not taken
    Error not_taken;                     // why; code ok: it is taken, or is no block device
    session::ProvedUnit result;
  };
  struct Asker {
    std::unique_ptr<UnitQuestions> questions;
    Sequence<Result<>> sequence;
    Job* job = nullptr;  // the unit that is asked
  };

  [[nodiscard]] Result<> prepare();  // the buffers
  [[nodiscard]] base::Time patient_until() const noexcept;
  void resume_pauses() noexcept;
  void begin();
  void note_silence() noexcept;
  [[nodiscard]] bool is_wanted() const noexcept { return !wanted_.empty() || all_or_nothing_; }
  void add_jobs(const std::vector<std::uint64_t>& numbers);
  void launch(Step, std::size_t askers);
  [[nodiscard]] Sequence<Result<>> list(UnitQuestions&);
  [[nodiscard]] Sequence<Result<>> work(Asker&);
  [[nodiscard]] Job* next_job();
  [[nodiscard]] Sequence<Result<>> ask(UnitQuestions&, Job&);
  [[nodiscard]] Sequence<Result<>> find(UnitQuestions&, Job&);
  [[nodiscard]] Sequence<Result<>> prove(UnitQuestions&, Job&);
  static void set_away(Job&, Error, scsi::RetryClass);
  [[nodiscard]] bool is_left_out(const Job&) const noexcept;
  static void on_answer(void* self) noexcept;
  [[nodiscard]] bool is_idle();
  void advance();
  void finish();
  void finish_identity();
  [[nodiscard]] Error nobody_answers() const;

  const std::vector<std::uint64_t> wanted_;
  const bool all_or_nothing_;
  const base::Clock& clock_;
  UnitSink* const sink_;
  std::vector<UnitProfile> units_;
  std::vector<session::ProvedUnit> proved_;  // results of the last proof of identity, in the order of units_
  std::size_t luns_not_taken_ = 0;
  Error luns_guessed_;
  std::vector<UnitNotTaken> not_taken_;
  session::LunSet silent_;  // units whose silence has cost a first login; the next one does not ask them

  Step step_ = Step::idle;
  session::ProofScope scope_;
  bool finds_ = false;  // true in the proof that finds the units
  base::Time patient_until_{};
  std::vector<Job> jobs_;
  std::size_t next_job_ = 0;
  bool any_proved_ = false;
  std::optional<Error> error_;  // the first

  session::Channel* channel_ = nullptr;
  std::shared_ptr<fabric::Device> device_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<fabric::MemoryRegion> region_;
  std::array<Asker, kSideBySide> askers_;
  UnitSearch search_;
};

}  // namespace srpi::lun
