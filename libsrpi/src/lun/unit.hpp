// SPDX-License-Identifier: Apache-2.0
// A logical unit as a block device: checks requests, splits them into commands, retries by table, completes
// once.
//
//   unit.cpp           requests come in, wait, and become commands
//   unit_commands.cpp  how a command is made: which blocks, which bytes, which CDB
//   unit_answers.cpp   what becomes of a command that has ended
//   unit_tasks.cpp     what operators ask for: abort, reset
//   durable.cpp        force unit access
//   refused.cpp        UNMAP and WRITE SAME that are offered and refused
//   flush.cpp          flushes, and how they report lost writes
//
// Requests wait in one queue in order of submission. Commands come from a fixed pool, so nothing is allocated
// here after the start.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "lun/busy_units.hpp"
#include "lun/request_queue.hpp"
#include "lun/unit_proof.hpp"
#include "scsi/disposition.hpp"
#include "session/nexus.hpp"
#include "srpi/session.hpp"

namespace srpi::lun {

struct UnitCommand;

class Unit final : public LogicalUnit {
 public:
  Unit(session::Nexus&, BusyUnits&, const UnitProfile&, const SessionOptions&, const base::Clock&);
  ~Unit() override;

  [[nodiscard]] Result<> prepare();  // registers the parameter lists; once, before use
  // Called after a later proof. Returns true if the size has changed.
  bool update(const UnitProfile&);
  // Called when the unit reports that an acknowledged write is lost.
  void note_lost_write() noexcept;

  [[nodiscard]] const LogicalUnitInfo& info() const noexcept override { return profile_.info; }
  [[nodiscard]] const UnitProfile& profile() const noexcept { return profile_; }
  [[nodiscard]] std::uint64_t wire_lun() const noexcept { return wire_lun_; }
  Errc submit(IoRequest&) noexcept override;
  Errc abort(TaskRequest&) noexcept override;
  Errc reset(TaskRequest&) noexcept override;

  // Completes requests that need no target, issues commands, starts operators' aborts and resets. Returns the
  // number of steps.
  std::size_t poll() noexcept;
  // Issues commands of waiting requests, and retries that are due. Completes nothing. Returns the number of
  // steps.
  std::size_t issue() noexcept;
  // For the end of a connection: ends every request without a command, and every task of an operator, with
  // `status`.
  void fail_waiting(Errc status) noexcept;
  [[nodiscard]] bool has_work() const noexcept;  // a poll has work now
  [[nodiscard]] base::Time next_deadline() const noexcept { return next_retry_; }

 private:
  friend class BusyUnits;
  // True if something waits for a poll, for a free command or for a time. Otherwise a poll can skip the unit.
  [[nodiscard]] bool is_busy() const noexcept {
    return queue_.head || settled_.head || !backed_off_.empty() || new_aborts_.head || aborts_.head ||
           new_resets_.head;
  }

  // False: the session is being destroyed.
  [[nodiscard]] bool may_get_work() noexcept { return is_listed_ || busy_units_.add(*this); }
  [[nodiscard]] Errc check(const IoRequest&) const noexcept;
  [[nodiscard]] Errc check_data(const IoRequest&) const noexcept;
  std::size_t end_settled() noexcept;
  std::size_t send_due_retries() noexcept;
  void fail_unsent(Errc status) noexcept;
  // Called when all commands of the request have ended and no more will be issued.
  void end(IoRequest& r) noexcept {
    if (state_of(r).phase != Phase::plain && goes_on(r)) return;
    complete(r);
  }
  [[nodiscard]] bool goes_on(IoRequest&) noexcept;
  // unit_commands.cpp
  bool issue_next(IoRequest&, UnitCommand&, base::Time now) noexcept;
  [[nodiscard]] std::uint32_t gather(IoRequest&, UnitCommand&, std::uint32_t max_bytes) noexcept;
  [[nodiscard]] std::uint32_t max_blocks(IoOperation) const noexcept;
  void make_unmap(UnitCommand&, std::uint64_t lba, std::uint32_t blocks) noexcept;
  void make_write_zeroes(UnitCommand&, std::uint64_t lba, std::uint32_t blocks) noexcept;
  void send_parameters(UnitCommand&, std::byte* at, std::uint32_t bytes) noexcept;
  // unit_answers.cpp
  static void on_complete(channel::Command&) noexcept;
  void on_answer(UnitCommand&) noexcept;
  void on_no_answer(UnitCommand&) noexcept;
  void doubt_protection() noexcept;
  void retry(UnitCommand&, const scsi::Disposition&) noexcept;
  void command_done(UnitCommand&, Errc) noexcept;
  // durable.cpp
  [[nodiscard]] bool forces_unit_access(IoRequest&, base::Time until) noexcept;
  [[nodiscard]] bool forced_goes_on(IoRequest&) noexcept;
  // Changes whenever the unit may have lost its volatile cache, or reports a loss.
  [[nodiscard]] std::uint64_t cache_epoch() const noexcept {
    return nexus_.record().cache_epoch + lost_writes_;
  }
  // flush.cpp
  void accept_missing_cache(IoRequest&) noexcept;
  void submit_flush(IoRequest&) noexcept;
  void end_flush(IoRequest&) noexcept;
  // refused.cpp
  [[nodiscard]] bool does_without(UnitCommand&, Errc) noexcept;
  void note_refused(bool& refuses, const char* what) noexcept;
  [[nodiscard]] bool zeroes_go_on(IoRequest&) noexcept;
  [[nodiscard]] std::uint32_t zero_bytes() const noexcept;
  void make_zero_write(UnitCommand&, std::uint64_t lba, std::uint32_t blocks) noexcept;
  // unit_tasks.cpp
  [[nodiscard]] bool has_task_work() const noexcept {
    return new_aborts_.head || (aborts_.head && aborting_ == 0) || (new_resets_.head && !resets_.head);
  }
  std::size_t run_tasks() noexcept;
  void begin_aborts() noexcept;
  void begin_reset() noexcept;
  [[nodiscard]] Errc begin_task(TaskRequest&, RequestQueue<TaskRequest>&) noexcept;
  static std::size_t end_tasks(RequestQueue<TaskRequest>&, Errc) noexcept;

  session::Nexus& nexus_;
  BusyUnits& busy_units_;
  Unit* next_busy_ = nullptr;
  bool is_listed_ = false;  // in busy_units_
  UnitProfile profile_;
  std::uint64_t wire_lun_;
  const SessionOptions& options_;
  std::uint32_t max_segments_;
  const base::Clock& clock_;
  std::uint64_t lost_writes_ = 0;                            // number of reports
  bool loss_untold_ = false;                                 // no flush has failed for the last report yet
  bool refuses_unmap_ = false, refuses_write_same_ = false;  // although it offers them
  bool protection_asked_ = false;  // it has refused a write, and a proof has found it writable since

  RequestQueue<IoRequest> queue_;    // to be sent
  RequestQueue<IoRequest> settled_;  // ended without the target; the status is set

  RequestQueue<TaskRequest> new_aborts_, aborts_;  // aborts_ wait until `aborting_` is 0
  std::size_t aborting_ = 0;
  Errc abort_status_ = Errc::ok;
  RequestQueue<TaskRequest> new_resets_, resets_;  // resets_ wait for the running reset_
  channel::Tmf reset_;

  std::vector<UnitCommand> commands_;
  std::vector<UnitCommand*> free_;
  std::vector<UnitCommand*> backed_off_;  // to send again later
  std::vector<channel::DataSegment> segments_;
  base::Time next_retry_ = base::kNever;

  std::vector<std::byte> parameters_;  // one UNMAP list per command, then zeroes
  std::unique_ptr<Memory> parameters_memory_;
};

}  // namespace srpi::lun
