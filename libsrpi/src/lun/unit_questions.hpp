// SPDX-License-Identifier: Apache-2.0
// What a target and one of its units are asked in a proof: one command after the other, each with its bounded retries.
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

// What is known of one unit.
struct UnitProfile {
  LogicalUnitInfo info;
  scsi::LogicalUnitIdentity identity;
  scsi::TransferLimits limits;
};

class UnitQuestions {
 public:
  static constexpr std::uint32_t kBufferBytes = 4096;  // 511 LUNs, and any VPD page in use
  static constexpr std::uint32_t kMaxUnits = 256;      // that a session takes

  // The buffer: kBufferBytes, registered by the caller. on_answer: called with `owner` after each answer was dealt with.
  using OnAnswer = void (*)(void* owner) noexcept;
  UnitQuestions(std::byte* buffer, std::uint32_t max_transfer_bytes, OnAnswer, void* owner);
  UnitQuestions(const UnitQuestions&) = delete;
  UnitQuestions& operator=(const UnitQuestions&) = delete;

  // Where the questions go from here on.
  void use(session::Channel&, const fabric::MemoryRegion&) noexcept;
  // A command that is still under way completes into the void.
  void cancel() noexcept { waiting_ = {}; }
  // No further command is sent: what is asked ends with the answer that comes next.
  void stop() noexcept { stopped_ = true; }

  struct Luns {
    std::vector<std::uint64_t> numbers;  // in ascending order, kMaxUnits at most
    std::size_t not_taken = 0;           // how many more the target has reported
  };
  [[nodiscard]] Sequence<Result<Luns>> report_luns();
  // Until its answers belong together; nothing: no block device.
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile(std::uint64_t lun);
  // The same of a unit that is known, where it has to be the same one. Nothing is not an answer then.
  [[nodiscard]] Sequence<Result<UnitProfile>> prove(const UnitProfile& known);
  // Takes the unit attentions that wait for us, whatever the unit answers.
  [[nodiscard]] Sequence<Result<>> take_attentions(std::uint64_t lun);
  // What failed last, failed by the unit's own answer.
  [[nodiscard]] const std::optional<scsi::RetryClass>& refused() const noexcept { return refused_; }

 private:
  struct Execute;
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile_once(std::uint64_t lun);
  [[nodiscard]] Sequence<Result<>> read_vpd(std::uint64_t lun, UnitProfile&,
                                            std::optional<scsi::BlockLimits>&,
                                            std::optional<scsi::LogicalBlockProvisioning>&);
  [[nodiscard]] Sequence<Result<scsi::Capacity>> capacity(std::uint64_t lun);
  // One command with its bounded retries; the bytes received, valid until the next one.
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
  bool outdated_ = false;  // the unit said, while it was asked, that something had changed
  std::optional<scsi::RetryClass> refused_;
};

[[nodiscard]] std::uint64_t wire_lun(std::uint64_t number);

}  // namespace srpi::lun
