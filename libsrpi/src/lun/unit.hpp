// SPDX-License-Identifier: Apache-2.0
// A logical unit as a block device: checks requests, splits them into commands, retries by table, completes once.
//
// Requests wait in one queue in order of submission; commands come from a fixed pool, so nothing is allocated here
// after the start. A request's outstanding count holds one for every command of it that is on its way.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "lun/request_queue.hpp"
#include "lun/unit_proof.hpp"
#include "scsi/disposition.hpp"
#include "session/nexus.hpp"
#include "srpi/session.hpp"

namespace srpi::lun {

class Unit final : public LogicalUnit {
 public:
  Unit(session::Nexus&, const UnitProfile&, const SessionOptions&, const base::Clock&);
  ~Unit() override;

  [[nodiscard]] Result<> prepare();  // registers the parameter lists; once, before use
  // After a later proof. True: the size has changed.
  bool update(const UnitProfile&);
  // The unit has told, in whatever answer, that a write which it had acknowledged is lost.
  void note_lost_write() noexcept;

  [[nodiscard]] const LogicalUnitInfo& info() const noexcept override { return profile_.info; }
  [[nodiscard]] std::uint64_t wire_lun() const noexcept { return wire_lun_; }
  void submit(IoRequest&) noexcept override;
  void abort(TaskRequest&) noexcept override;
  void reset(TaskRequest&) noexcept override;

  // Completes what needs no target, issues, begins what operators have asked for. Returns things done.
  std::size_t poll() noexcept;
  // Makes commands of what waits, resubmits what was backed off; completes nothing. Returns things done.
  std::size_t issue() noexcept;
  // Ends every request that no command carries, and every function, with `status`. For the end of a
  // connection.
  void fail_waiting(Errc status) noexcept;
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept { return next_retry_; }

 private:
  struct Piece;

  [[nodiscard]] Errc check(const IoRequest&) const noexcept;
  static void on_complete(channel::Command&) noexcept;
  void on_answer(Piece&) noexcept;
  void on_ended(Piece&) noexcept;
  void piece_done(Piece&, Errc) noexcept;
  void fail_unsent(Errc status) noexcept;
  // unit_commands.cpp
  bool issue_piece(IoRequest&, Piece&) noexcept;
  [[nodiscard]] std::uint32_t gather(IoRequest&, Piece&, std::uint32_t max_bytes) noexcept;
  [[nodiscard]] std::uint32_t max_blocks(IoOperation) const noexcept;
  // durable.cpp
  [[nodiscard]] bool forces_unit_access(IoRequest&, base::Time until) noexcept;
  // Changes whenever the unit may have lost what its volatile cache had, or tells that it has.
  [[nodiscard]] std::uint64_t cache_epoch() const noexcept {
    return nexus_.record().cache_epoch + lost_writes_;
  }
  static void on_durable_step(IoRequest&) noexcept;
  // flush.cpp
  void submit_flush(IoRequest&) noexcept;
  static void on_flushed(IoRequest&) noexcept;
  // unit_tasks.cpp
  [[nodiscard]] bool has_task_work() const noexcept;
  std::size_t run_tasks() noexcept;
  static std::size_t end_tasks(RequestQueue<TaskRequest>&, Errc) noexcept;

  session::Nexus& nexus_;
  UnitProfile profile_;
  std::uint64_t wire_lun_;
  const SessionOptions& options_;
  std::uint32_t max_segments_;
  const base::Clock& clock_;
  std::uint64_t lost_writes_ = 0;  // reports of them
  bool loss_untold_ = false;       // no flush has failed for the last one yet

  RequestQueue<IoRequest> queue_;    // to be sent
  RequestQueue<IoRequest> settled_;  // decided without the target: status is set

  RequestQueue<TaskRequest> new_aborts_, aborts_;  // aborts_: until aborting_ pieces are over
  std::size_t aborting_ = 0;
  Errc abort_status_ = Errc::ok;
  RequestQueue<TaskRequest> new_resets_, resets_;  // resets_: while reset_ is under way
  channel::Tmf reset_;

  std::vector<Piece> pieces_;
  std::vector<Piece*> free_;
  std::vector<Piece*> backed_off_;
  std::vector<channel::DataSegment> segments_;
  base::Time next_retry_ = base::kNever;

  std::vector<std::byte> parameters_;  // UNMAP lists, one a piece, and one block of zeroes for WRITE SAME
  std::unique_ptr<Memory> parameters_memory_;
};

}  // namespace srpi::lun
