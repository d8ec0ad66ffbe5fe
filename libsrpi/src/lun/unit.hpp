// SPDX-License-Identifier: Apache-2.0
// A logical unit as a block device: checks requests, splits them into commands, retries by table, completes once.
//
// Requests wait in one queue in order of submission; commands come from a fixed pool, so nothing is allocated here
// after the start. A request's outstanding count holds one for every command of it that is on its way.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "lun/probe.hpp"
#include "scsi/disposition.hpp"
#include "session/nexus.hpp"
#include "srpi/session.hpp"

namespace srpi::lun {

class Unit final : public LogicalUnit {
 public:
  using EventSink = std::function<void(const Unit&, scsi::Event)>;

  Unit(session::Nexus&, const UnitProfile&, const SessionOptions&, const base::Clock&, EventSink);
  ~Unit() override;

  [[nodiscard]] Result<> prepare();  // registers the parameter lists; once, before use
  // After a later probe. True: the size has changed.
  bool update(const UnitProfile&);

  [[nodiscard]] const LogicalUnitInfo& info() const noexcept override { return profile_.info; }
  void submit(IoRequest&) noexcept override;

  // Makes commands of what waits, completes what cannot be sent, resubmits what was backed off. Returns things done.
  std::size_t issue() noexcept;
  // Ends every request that no command carries, with `status`. For the end of a connection.
  void fail_waiting(Errc status) noexcept;
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept { return next_retry_; }

 private:
  struct Piece;
  struct RequestQueue {
    IoRequest* head = nullptr;
    IoRequest* tail = nullptr;
    void push(IoRequest&) noexcept;
    IoRequest* pop() noexcept;
  };

  [[nodiscard]] Errc check(const IoRequest&) const noexcept;
  bool issue_piece(IoRequest&, Piece&) noexcept;
  [[nodiscard]] std::uint32_t gather(IoRequest&, Piece&, std::uint32_t max_bytes) noexcept;
  [[nodiscard]] std::uint32_t max_blocks(IoOperation) const noexcept;
  static void on_complete(session::Command&) noexcept;
  void on_answer(Piece&) noexcept;
  void piece_done(Piece&, Errc) noexcept;

  session::Nexus& nexus_;
  UnitProfile profile_;
  std::uint64_t wire_lun_;
  std::uint32_t max_segments_;
  const base::Clock& clock_;
  EventSink events_;

  RequestQueue queue_;    // to be sent
  RequestQueue settled_;  // decided without the target: status is set

  std::vector<Piece> pieces_;
  std::vector<Piece*> free_;
  std::vector<Piece*> backed_off_;
  std::vector<session::DataSegment> segments_;
  base::Time next_retry_ = base::kNever;

  std::vector<std::byte> parameters_;  // UNMAP lists, one a piece, and one block of zeroes for WRITE SAME
  std::unique_ptr<Memory> parameters_memory_;
};

}  // namespace srpi::lun
