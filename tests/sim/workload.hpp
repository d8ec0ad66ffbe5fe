// SPDX-License-Identifier: Apache-2.0
// The application: requests of every kind at random places, each judged against the disk models when it
// completes. Every slot has a piece of one registered arena; while no request owns it, it is filled with
// poison, and nobody may touch it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/random.hpp"
#include "checks.hpp"
#include "disk_model.hpp"
#include "journal.hpp"
#include "loopback/scheduler.hpp"
#include "plan.hpp"
#include "srpi/session.hpp"

namespace srpi::sim {

class Workload {
 public:
  Workload(const Plan&, Checks&, Journal&, std::vector<DiskModel>&, base::Random);

  // From now on requests go to this session; null: it is about to be destroyed, nothing of it may be
  // outstanding.
  void use(Session*);
  void submit_some();  // up to the depth
  bool submit_one();
  // A read of these blocks; for the sweep at the end. False: no slot is free.
  bool submit_read(std::size_t unit, std::uint64_t first, std::uint64_t blocks);
  void set_paused(bool paused) noexcept { paused_ = paused; }  // completions submit nothing meanwhile
  void cache_lost(const DiskModel&);  // what is under way there may have been answered before
  // From here on flushes of the unit must fail: those under way, or else the next.
  void told_of_lost_write(std::uint64_t lun);

  // The "hardware" touches memory; nothing is said about memory that is not ours.
  void on_access(const loopback::MemoryAccess&);

  [[nodiscard]] std::uint32_t outstanding() const noexcept { return outstanding_; }
  [[nodiscard]] std::uint64_t submitted() const noexcept { return submitted_; }
  [[nodiscard]] std::uint64_t completed() const noexcept { return completed_; }
  [[nodiscard]] std::uint64_t succeeded() const noexcept { return succeeded_; }
  [[nodiscard]] std::uint64_t ended_with(Errc e) const noexcept {
    return ended_with_[static_cast<std::size_t>(e)];
  }

 private:
  static constexpr std::uint32_t kMostSegments = 5;
  struct Slot {
    IoRequest request;
    Workload* workload = nullptr;
    DiskModel* model = nullptr;
    std::span<std::byte> buffer;
    std::uint32_t bytes = 0;
    std::array<Segment, kMostSegments> segments;
    std::uint64_t moment = 0;           // of submission; a write's version
    std::vector<std::uint64_t> floors;  // of a read's blocks, when it was submitted
    bool owned = false;                 // by the session
    bool swept = false;                 // the cache was lost meanwhile
    bool must_fail = false;             // a flush: a lost write was told of meanwhile
  };

  [[nodiscard]] Slot* free_slot() noexcept;
  void prepare_data(Slot&, const LogicalUnitInfo&);
  void start(Slot&, LogicalUnit&);
  static void on_complete(IoRequest&) noexcept;
  void complete(Slot&);
  void judge_read(Slot&);
  void judge_flush(Slot&);
  void poison(Slot&) noexcept;

  const Plan& plan_;
  Checks& checks_;
  Journal& journal_;
  std::vector<DiskModel>& models_;
  base::Random random_;
  std::span<std::byte> arena_;
  Session* session_ = nullptr;
  std::unique_ptr<Memory> memory_;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> untold_;  // LUNs of which no flush has failed since
  bool paused_ = false;
  std::uint32_t outstanding_ = 0;
  std::uint64_t submitted_ = 0, completed_ = 0, succeeded_ = 0;
  std::array<std::uint64_t, 64> ended_with_{};
};

}  // namespace srpi::sim
