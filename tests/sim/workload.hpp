// SPDX-License-Identifier: Apache-2.0
// The application: requests of every kind at random positions. Each is compared with the disk models when it
// completes. Every slot has a part of one registered arena. While no request owns that part, it contains
// poison and must not be accessed.
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

  // Sends requests to this session. Null: the session is about to be destroyed, and none of its requests may
  // be outstanding.
  void use(Session*);
  void submit_some();  // up to `depth` requests
  bool submit_one();
  // Reads these blocks, for the sweep. Returns false if no slot is free.
  bool submit_read(std::size_t unit, std::uint64_t first, std::uint64_t blocks);
  void set_paused(bool paused) noexcept { paused_ = paused; }  // true: completions submit nothing
  void cache_lost(const DiskModel&);  // requests in progress may have been answered before
  // The flushes in progress must fail; if there are none, the next one must.
  void told_of_lost_write(std::uint64_t lun);

  // The simulated hardware accesses memory. Memory outside of the arena is ignored.
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
    std::uint64_t moment = 0;           // of submission; it is a write's version
    std::vector<std::uint64_t> floors;  // of a read's blocks at its submission
    bool owned = false;                 // the session has it
    bool swept = false;                 // the cache was lost since the submission
    bool must_fail = false;             // a flush: a lost write was reported since the submission
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
  std::vector<std::uint64_t> untold_;  // LUNs with a reported lost write, but no failed flush since
  bool paused_ = false;
  std::uint32_t outstanding_ = 0;
  std::uint64_t submitted_ = 0, completed_ = 0, succeeded_ = 0;
  std::array<std::uint64_t, 64> ended_with_{};
};

}  // namespace srpi::sim
