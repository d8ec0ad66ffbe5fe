// SPDX-License-Identifier: Apache-2.0
// Finding the logical units after the first login, and proving after every later one that they are the same.
//
//   probe.cpp            which units are asked, and what becomes of their answers
//   probe_questions.cpp  the questions
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabric/memory.hpp"
#include "lun/task.hpp"
#include "scsi/capacity.hpp"
#include "scsi/disposition.hpp"
#include "scsi/identity.hpp"
#include "scsi/limits.hpp"
#include "session/probe.hpp"
#include "srpi/session.hpp"

namespace srpi::lun {

// What is known of one unit.
struct UnitProfile {
  LogicalUnitInfo info;
  scsi::LogicalUnitIdentity identity;
  scsi::TransferLimits limits;
};

class LunProbe final : public session::Probe {
 public:
  // wanted: flat LUN numbers, empty for all. max_transfer_bytes: our own limit for one command.
  LunProbe(std::vector<std::uint64_t> wanted, std::uint32_t max_transfer_bytes);
  ~LunProbe() override;

  void start(channel::Channel& channel) override { start(channel, &LunProbe::run); }
  void confirm(channel::Channel& channel) override { start(channel, &LunProbe::prove_present); }
  void take_attentions(channel::Channel& channel) override { start(channel, &LunProbe::greet); }
  [[nodiscard]] const channel::Command* question() const noexcept override {
    return waiting_ ? &command_ : nullptr;
  }
  [[nodiscard]] std::optional<Result<>> outcome() override;
  void add_units(base::LunSet&) const override;
  [[nodiscard]] std::span<const session::AwayUnit> away() const noexcept override { return away_; }
  [[nodiscard]] base::LunSet& stuck() noexcept override { return stuck_; }
  void reset() noexcept override;
  void let_device_go() noexcept override;

  // Valid after the first success; grown by later ones where a unit has grown.
  [[nodiscard]] const std::vector<UnitProfile>& units() const noexcept { return units_; }
  // How many LUNs the target reported beyond those that were asked about: a session takes kMaxUnits.
  [[nodiscard]] std::size_t left_out() const noexcept { return left_out_; }
  static constexpr std::uint32_t kMaxUnits = 256;

 private:
  struct Execute;
  static constexpr std::uint32_t kBufferBytes = 4096;  // 511 LUNs, and any VPD page in use
  using Question = Task<Result<>> (LunProbe::*)();
  void start(channel::Channel&, Question);
  void ask(channel::Channel&, Question);
  [[nodiscard]] Task<Result<>> find();
  [[nodiscard]] Task<Result<>> run();
  [[nodiscard]] Task<Result<>> prove_present();
  [[nodiscard]] Task<Result<>> greet();
  [[nodiscard]] Task<Result<std::vector<std::uint64_t>>> report_luns();
  // Until its answers belong together; nothing: no block device.
  [[nodiscard]] Task<Result<std::optional<UnitProfile>>> profile(std::uint64_t lun);
  [[nodiscard]] Task<Result<std::optional<UnitProfile>>> profile_once(std::uint64_t lun);
  // The same of a unit that is known, where it has to be the same one. Nothing is not an answer then.
  [[nodiscard]] Task<Result<UnitProfile>> prove(const UnitProfile& known);
  [[nodiscard]] Task<Result<>> read_vpd(std::uint64_t lun, UnitProfile&, std::optional<scsi::BlockLimits>&,
                                        std::optional<scsi::LogicalBlockProvisioning>&);
  [[nodiscard]] Task<Result<scsi::Capacity>> capacity(std::uint64_t lun);
  // One command with its bounded retries; the bytes received, valid until the next one.
  [[nodiscard]] Task<Result<scsi::Bytes>> execute(std::uint64_t lun, scsi::Cdb, std::uint32_t data_in_bytes);
  static void on_complete(channel::Command&) noexcept;

  std::vector<std::uint64_t> wanted_;
  std::uint32_t max_transfer_bytes_;
  std::vector<UnitProfile> units_;
  std::vector<session::AwayUnit> away_;  // of units_, in their order
  base::LunSet stuck_;
  std::size_t left_out_ = 0;

  channel::Channel* channel_ = nullptr;
  std::shared_ptr<fabric::Device> device_;
  std::vector<std::byte> buffer_;
  std::unique_ptr<fabric::MemoryRegion> region_;
  channel::DataSegment segment_;
  channel::Command command_;
  std::coroutine_handle<> waiting_;
  std::optional<Error> setup_error_;
  bool outdated_ = false;                    // a unit said, while it was asked, that something had changed
  std::optional<scsi::RetryClass> refused_;  // what failed, failed by the unit's own answer
  Task<Result<>> task_;
};

}  // namespace srpi::lun
