// SPDX-License-Identifier: Apache-2.0
// The questions of a proof to a target and one unit: one command after the other, each with limited retries.
//
//   unit_questions.cpp  the commands with their retries, and what is asked in which order
//   unit_pages.cpp      VPD pages, capacity and mode parameters
//
// What a unit need not have may be missing or wrong: VPD pages, MODE SENSE. The unit is then taken without it,
// and the profile says so (oddities). Without INQUIRY and a capacity that fits, there is no profile. Nor is
// there one if the unit cannot tell its name now, but has one: a name that it will not tell later would make it a
// stranger.
#pragma once

#include <coroutine>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "fabric/memory.hpp"
#include "lun/sequence.hpp"
#include "scsi/capacity.hpp"
#include "scsi/disposition.hpp"
#include "scsi/identity.hpp"
#include "scsi/limits.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/vpd.hpp"
#include "session/proof.hpp"
#include "srpi/session.hpp"

namespace srpi::lun {

// The VPD pages with limits. nullopt: the unit does not have the page, or its answer was wrong.
struct LimitPages {
  std::optional<scsi::BlockLimits> block_limits;
  std::optional<scsi::LogicalBlockProvisioning> provisioning;
};

// The known properties of one unit.
struct UnitProfile {
  LogicalUnitInfo info;
  scsi::LogicalUnitIdentity identity;
  scsi::TransferLimits limits;
  LimitPages pages;
  scsi::RetryClass retry = scsi::RetryClass::none;  // of a unit that is away: how its I/O is retried first
  bool cache_assumed = false;         // MODE SENSE was wrong, so write_cache is only a precaution
  std::vector<std::string> oddities;  // wrong answers that the unit is taken without, for the log
};

class UnitQuestions {
 public:
  static constexpr std::uint32_t kBufferBytes = 4096;  // for 511 LUNs, and for every VPD page that is used
  static constexpr std::uint32_t kMaxUnits = 256;      // of a session

  // `buffer` has kBufferBytes, which the caller registers. `on_answer` is called with `owner` after each
  // processed answer.
  using OnAnswer = void (*)(void* owner) noexcept;
  UnitQuestions(std::byte* buffer, std::uint32_t max_transfer_bytes, const base::Clock&, OnAnswer,
                void* owner);
  UnitQuestions(const UnitQuestions&) = delete;
  UnitQuestions& operator=(const UnitQuestions&) = delete;

  enum class Use : std::uint8_t {
    proof,          // no I/O is sent meanwhile
    search,         // I/O goes on. A command without an answer costs no connection: it has no deadline
    narrow_search,  // the same where such a command would leave no room for I/O: it has one
  };
  // Sets the channel for the next questions. A question that the unit refuses for the moment is asked again
  // until that time, with pauses. Permitted while no command is outstanding.
  void use(session::Channel&, const fabric::MemoryRegion&, base::Time patient_until,
           Use = Use::proof) noexcept;
  // Ends the questions. The completion of a command in progress is ignored.
  void cancel() noexcept {
    waiting_ = {};
    pause_ends_ = base::kNever;
  }
  // Sends no further commands. The running question ends with its next answer, or when its pause is resumed.
  void stop() noexcept {
    stopped_ = true;
    if (pauses()) pause_ends_ = {};
  }
  // True while the target may still write to the buffer, also after cancel().
  [[nodiscard]] bool is_outstanding() const noexcept { return outstanding_; }
  [[nodiscard]] bool waits_for_answer() const noexcept { return waiting_ && !pauses(); }
  [[nodiscard]] bool pauses() const noexcept { return pause_ends_ != base::kNever; }
  [[nodiscard]] base::Time pause_ends() const noexcept { return pause_ends_; }
  // Asks the question of a pause again.
  void resume() noexcept;

  struct Luns {
    std::vector<std::uint64_t> numbers;  // ascending, at most kMaxUnits
    std::size_t not_taken = 0;           // the number of further LUNs that the target has reported
    Error guessed;                       // code ok: the target has reported them; otherwise why it has not
  };
  // Asks LUN 0, if it may, then the well-known unit for it. If neither has a usable list, the numbers are all from 0
  // on.
  [[nodiscard]] Sequence<Result<Luns>> report_luns(bool ask_lun_0 = true);
  // For a new unit. Repeats until the unit does not change in between. nullopt: there is no block device. A unit
  // that is not ready, but tells all about itself, has a profile that is away.
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile(std::uint64_t lun) {
    return profile(lun, nullptr);
  }
  // The same for a known unit, which must be ready and the same one. No block device is an error then.
  [[nodiscard]] Sequence<Result<UnitProfile>> prove(const UnitProfile& known);
  // Takes the unit's pending unit attentions. Any other answer is ignored.
  [[nodiscard]] Sequence<Result<>> take_attentions(std::uint64_t lun);
  // True if this error, the last one, is about the unit: it refused a question, or its answer is of no use.
  // Otherwise the command was lost, or the proof cannot go on.
  [[nodiscard]] bool is_about_unit(const Error&) const noexcept;
  // True if the last command had no answer.
  [[nodiscard]] bool lost() const noexcept { return lost_; }
  // How I/O is retried that the unit refuses as it refused the last question.
  [[nodiscard]] scsi::RetryClass retry() const noexcept { return retry_; }

 private:
  struct Execute;
  struct Pause;
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile(std::uint64_t lun,
                                                                     const UnitProfile* known);
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile_once(std::uint64_t lun,
                                                                          const UnitProfile* known);
  [[nodiscard]] Sequence<Result<scsi::ReportedLuns>> reported_luns(std::uint64_t asked_lun);
  void take_event(scsi::Event);
  // True if no other question makes sense after this error: the command or the whole unit is gone.
  [[nodiscard]] bool ends_questions(const Error&) const noexcept;
  // unit_pages.cpp
  [[nodiscard]] Sequence<Result<scsi::Bytes>> page(std::uint64_t lun, scsi::VpdPage);
  [[nodiscard]] Sequence<Result<std::optional<scsi::SupportedPages>>> page_list(UnitProfile&);
  [[nodiscard]] Sequence<Result<>> read_pages(UnitProfile&);
  [[nodiscard]] static Result<> take_page(scsi::VpdPage, scsi::Bytes, UnitProfile&);
  [[nodiscard]] Sequence<Result<scsi::Capacity>> capacity(UnitProfile&);
  [[nodiscard]] Sequence<Result<>> read_mode(UnitProfile&);
  // Executes one command with limited retries. Returns a copy of the received bytes, which is valid until the
  // next command.
  [[nodiscard]] Sequence<Result<scsi::Bytes>> execute(std::uint64_t lun, scsi::Cdb,
                                                      std::uint32_t data_in_bytes);
  static void on_complete(session::Command&) noexcept;

  std::byte* const buffer_;
  const std::uint32_t max_transfer_bytes_;
  const OnAnswer on_answer_;
  void* const owner_;
  session::Channel* channel_ = nullptr;
  session::DataSegment segment_;
  session::Command command_;
  const base::Clock& clock_;
  std::vector<std::uint8_t> answer_;
  std::coroutine_handle<> waiting_;  // for an answer, or for the end of a pause
  base::Time pause_ends_ = base::kNever;
  base::Time patient_until_{};
  Use use_ = Use::proof;
  bool outstanding_ = false;
  bool stopped_ = false;
  bool lost_ = false;      // the last command had no answer
  bool outdated_ = false;  // during the questions, the unit has reported a change
  scsi::RetryClass retry_ = scsi::RetryClass::none;
};

// The error, with the unit's number in its text.
[[nodiscard]] Error about(std::uint64_t lun, const Error&);
[[nodiscard]] std::uint64_t wire_lun(std::uint64_t number);

}  // namespace srpi::lun
