// SPDX-License-Identifier: Apache-2.0
// The proof of a session's logical units: it finds them after the first login, and shows later that they are the same
// ones. One coroutine asks one unit after the other; a command of it is under way, or it has ended.
//
//   unit_proof.cpp      which units are asked, and what becomes of their answers
//   unit_questions.cpp  the questions
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
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

// Where the found units go.
class UnitSink {
 public:
  virtual ~UnitSink() = default;
  // A part of the proof: where it fails, the proof does. Also called after each later one: units may have grown, may be
  // away, or back.
  [[nodiscard]] virtual Result<> take_units(std::span<const UnitProfile>) = 0;
};

class UnitProof final : public session::Proof {
 public:
  // wanted: flat LUN numbers, empty for all. max_transfer_bytes: our own limit for one command. The sink may be null.
  UnitProof(std::vector<std::uint64_t> wanted, std::uint32_t max_transfer_bytes, UnitSink* = nullptr);
  ~UnitProof() override;

  void start(session::Channel&, const session::ProofScope&) override;
  [[nodiscard]] std::optional<Outcome> outcome() override;
  void cancel() noexcept override;
  void let_device_go() noexcept override;

  // Valid after the first success; grown by later ones where a unit has grown.
  [[nodiscard]] const std::vector<UnitProfile>& units() const noexcept { return units_; }
  // How many LUNs the target has reported beyond kMaxUnits, which a session takes.
  [[nodiscard]] std::size_t luns_not_taken() const noexcept { return luns_not_taken_; }
  static constexpr std::uint32_t kMaxUnits = 256;

 private:
  struct Execute;
  static constexpr std::uint32_t kBufferBytes = 4096;  // 511 LUNs, and any VPD page in use
  void ask(session::Channel&);
  [[nodiscard]] Sequence<Result<>> question();
  [[nodiscard]] bool is_left_out(const UnitProfile&) const noexcept;
  [[nodiscard]] Sequence<Result<>> find();
  [[nodiscard]] Sequence<Result<>> prove_identity();
  // Asks one unit. Its answer, or its refusal, is in both of them then; another failure ends the proof.
  [[nodiscard]] Sequence<Result<>> prove_or_note_away(UnitProfile&, session::ProvedUnit&);
  [[nodiscard]] Sequence<Result<>> prove_presence();
  [[nodiscard]] Sequence<Result<>> take_attentions();
  [[nodiscard]] Sequence<Result<std::vector<std::uint64_t>>> report_luns();
  // Until its answers belong together; nothing: no block device.
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile(std::uint64_t lun);
  [[nodiscard]] Sequence<Result<std::optional<UnitProfile>>> profile_once(std::uint64_t lun);
  // The same of a unit that is known, where it has to be the same one. Nothing is not an answer then.
  [[nodiscard]] Sequence<Result<UnitProfile>> prove(const UnitProfile& known);
  [[nodiscard]] Sequence<Result<>> read_vpd(std::uint64_t lun, UnitProfile&,
                                            std::optional<scsi::BlockLimits>&,
                                            std::optional<scsi::LogicalBlockProvisioning>&);
  [[nodiscard]] Sequence<Result<scsi::Capacity>> capacity(std::uint64_t lun);
  // One command with its bounded retries; the bytes received, valid until the next one.
  [[nodiscard]] Sequence<Result<scsi::Bytes>> execute(std::uint64_t lun, scsi::Cdb,
                                                      std::uint32_t data_in_bytes);
  static void on_complete(channel::Command&) noexcept;

  std::vector<std::uint64_t> wanted_;
  std::uint32_t max_transfer_bytes_;
  std::vector<UnitProfile> units_;
  std::vector<session::ProvedUnit>
      proved_;  // of units_, in their order: what the last proof of identity has found
  std::size_t luns_not_taken_ = 0;
  UnitSink* sink_;

  session::ProofScope scope_;
  session::Channel* channel_ = nullptr;
  std::shared_ptr<fabric::Device> device_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<fabric::MemoryRegion> region_;
  channel::DataSegment segment_;
  channel::Command command_;
  std::coroutine_handle<> waiting_;
  std::optional<Error> setup_error_;
  bool outdated_ = false;                    // a unit said, while it was asked, that something had changed
  std::optional<scsi::RetryClass> refused_;  // what failed, failed by the unit's own answer
  Sequence<Result<>> sequence_;
};

}  // namespace srpi::lun
