// SPDX-License-Identifier: Apache-2.0
// One SCSI command on its way: the object of whoever submits it, lent to the session until on_complete.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "scsi/cdb.hpp"
#include "scsi/status.hpp"
#include "srpi/error.hpp"
#include "srpi/memory.hpp"

namespace srpi::channel {

enum class Direction : std::uint8_t { none, from_target, to_target };

// Registered bytes; rkey for the target, lkey for what we send ourselves (immediate data). The keys are those
// of `memory` where that is given: then a command that outlives its connection gets the new ones.
struct DataSegment {
  std::byte* address = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t lkey = 0;
  std::uint32_t rkey = 0;
  const Memory* memory = nullptr;
};

// Ownership: from submit until on_complete is entered, the object, `data` and all bytes it names belong to the
// session. on_complete is called exactly once, never from within submit; when it runs the target can no longer reach
// the bytes: its answer has come, or the queue pair is gone.
struct Command {
  scsi::Cdb cdb;
  std::uint64_t lun = 0;  // the 8 SAM bytes, big-endian
  Direction direction = Direction::none;
  std::span<DataSegment> data;   // at most Channel::max_segments
  std::uint32_t data_bytes = 0;  // sum over data

  base::Time deadline = base::kNever;  // when it is to be over; kNever: command_timeout from submit
  base::Time give_up_at =
      base::kNever;  // how far an outage, during which it is held, may put the deadline off
  // Past its deadline: end it at the target (rescue.cpp). false: the connection is lost, unless the
  // target has answered others since this was sent, and confirms ABORT TASK.
  bool rescue = true;

  void (*on_complete)(Command&) noexcept = nullptr;
  void* owner = nullptr;

  // The outcome. error: ok when the target answered (then the rest counts). Else: no_connect; timed_out,
  // cancelled (aborted, or never sent); target_error (refused as a unit); aborted_command (a reset of the
  // unit has ended it, for which it was not the cause: it may be submitted again).
  Errc error = Errc::ok;
  scsi::Status status = scsi::Status::good;
  std::uint32_t residual_bytes = 0;  // of data_bytes not transferred
  std::uint8_t sense_bytes = 0;
  std::array<std::uint8_t, 96> sense{};  // SPC-4 allows 252; what decides stands in the first 18

  struct Internal {  // the session's own
    Command* next = nullptr;
    Command* previous = nullptr;
    base::Time deadline = base::kNever;
    std::uint32_t slot = 0;
    Errc end_error = Errc::timed_out;  // what it completes with if it is aborted
    bool abort_refused = false;
  } internal;
};

// Intrusive list in order of deadlines, which is that of submission but for commands that are sent again.
class CommandList {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] Command* front() const noexcept { return head_; }
  void push_back(Command& c) noexcept {
    c.internal.next = nullptr;
    c.internal.previous = tail_;
    (tail_ ? tail_->internal.next : head_) = &c;
    tail_ = &c;
  }
  void insert(Command& c) noexcept {
    auto* before = tail_;
    while (before && before->internal.deadline > c.internal.deadline) before = before->internal.previous;
    if (before == tail_) return push_back(c);
    auto*& link = before ? before->internal.next : head_;
    c.internal.next = link;
    c.internal.previous = before;
    link->internal.previous = &c;
    link = &c;
  }
  void erase(Command& c) noexcept {
    (c.internal.previous ? c.internal.previous->internal.next : head_) = c.internal.next;
    (c.internal.next ? c.internal.next->internal.previous : tail_) = c.internal.previous;
    c.internal.next = c.internal.previous = nullptr;
  }
  Command* pop_front() noexcept {
    Command* c = head_;
    if (c) erase(*c);
    return c;
  }

 private:
  Command* head_ = nullptr;
  Command* tail_ = nullptr;
};

}  // namespace srpi::channel
