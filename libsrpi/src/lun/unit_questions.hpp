// SPDX-License-Identifier: Apache-2.0
// The questions of a proof to a target and one unit: one command after the other, each with limited retries.
#pragma once

#include <coroutine>
#include <optional>
#include <vector>

#include "fabric/memory.hpp"
#include "lun/sequence.hpp"
#include "scsi/capacity.hpp"
#include "scsi/disposition.hpp"
#include "scsi/identity.hpp"
#include "scsi/limits.hpp"
#include "session/proof.hpp"
#include "srpi/session.hpp"

namespace srpi::lun {

// The known properties of one unit.
struct UnitProfile {
  LogicalUnitInfo info;
  scsi::LogicalUnitIdentity identity;
  scsi::TransferLimits limits;
};

class UnitQuestions {
 public:
  static constexpr std::uint32_t kBufferBytes = 4096;  // for 511 LUNs, and for every VPD page that is used
  static constexpr std::uint32_t kMaxUnits = 256;      // of a session

  // `buffer` has kBufferBytes, which the caller registers. `on_answer` is called with `owner` after each
  // processed answer.
  using OnAnswer = void (*)(void* owner) noexcept;
  UnitQuestions(std::byte* buffer, std::uint32_t max_transfer_bytes, OnAnswer, void* owner);
  UnitQuestions(const UnitQuestions&) = delete;
  UnitQuestions& operator=(const UnitQuestions&) = delete;

  // Sets the channel for the next questions.
  void use(session::Channel&, const fabric::MemoryRegion&) noexcept;
  // Ends the questions. The completion of a command in progress is ignored.
  void cancel() noexcept { waiting_ = {}; }
  // Sends no further commands. The running question ends with its next answer.
  void stop() noexcept { stopped_ = true; }

  struct Luns {
    std::vector<std::uint64_t> numbers;  // ascending, at most kMaxUnits
    std::size_t not_taken = 0;           // the number of further LUNs that the target has reported
  };
  [[nodiscard]] Sequence<Result<Luns>> report_luns();
  // Repeats until the unit does not change in between. nullopt: there is no block device.
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile(std::uint64_t lun);
  // The same for a known unit, which must be the same one. No block device is an error then.
  [[nodiscard]] Sequence<Result<UnitProfile>> prove(const UnitProfile& known);
  // Takes the unit's pending unit attentions. Any other answer is ignored.
  [[nodiscard]] Sequence<Result<>> take_attentions(std::uint64_t lun);
  // Set if the last failure is an answer of the unit.
  [[nodiscard]] const std::optional<scsi::RetryClass>& refused() const noexcept { return refused_; }

 private:
  struct Execute;
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile_once(std::uint64_t lun);
  [[nodiscard]] Sequence<Result<>> read_vpd(std::uint64_t lun, UnitProfile&,
                                            std::optional<scsi::BlockLimits>&,
                                            std::optional<scsi::LogicalBlockProvisioning>&);
  [[nodiscard]] Sequence<Result<scsi::Capacity>> capacity(std::uint64_t lun);
  // Executes one command with limited retries. Returns the received bytes, which are valid until the next
  // command.
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
  std::coroutine_handle<> waiting_;
  bool stopped_ = false;
  bool outdated_ = false;  // during the questions, the unit has reported a change
  std::optional<scsi::RetryClass> refused_;
};

[[nodiscard]] std::uint64_t wire_lun(std::uint64_t number);

}  // namespace srpi::lun
