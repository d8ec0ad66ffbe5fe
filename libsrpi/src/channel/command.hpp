// SPDX-License-Identifier: Apache-2.0
// One SCSI command. The submitter owns the object and lends it to the session until on_complete.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.hpp"
#include "base/list.hpp"
#include "scsi/cdb.hpp"
#include "scsi/status.hpp"
#include "srpi/error.hpp"
#include "srpi/memory.hpp"

namespace srpi::channel {

enum class Direction : std::uint8_t { none, from_target, to_target };

// Registered bytes. The target uses the rkey; the lkey is for immediate data, which we send. If `memory` is
// set, the keys are its keys, and a command that outlives its connection gets the new ones.
struct DataSegment {
  std::byte* address = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t lkey = 0;
  std::uint32_t rkey = 0;
  const Memory* memory = nullptr;
};

// Ownership: from submit until on_complete is entered, the object, `data` and all its bytes belong to the
// session. on_complete is called exactly once and never from within submit. When it runs, the target can no
// longer reach the bytes: its answer has come, an abort or a reset is confirmed, or the queue pair is destroyed.
struct Command {
  scsi::Cdb cdb;
  std::uint64_t lun = 0;  // the 8 SAM bytes, big-endian
  Direction direction = Direction::none;
  std::span<DataSegment> data;   // at most Channel::usable_segments()
  std::uint32_t data_bytes = 0;  // sum over data

  base::Time deadline = base::kNever;    // kNever: command_timeout after submit
  base::Time give_up_at = base::kNever;  // outages put the deadline off, but not beyond this
  // true: after its deadline, the command is ended at the target (rescue.cpp). false: the channel fails then;
  // only if the target has answered other commands since, ABORT TASK is tried first.
  bool rescue = true;

  void (*on_complete)(Command&) noexcept = nullptr;
  void* owner = nullptr;

  // The outcome. `error` is ok if the target answered; then the other fields are valid. Otherwise:
  // no_connect; timed_out or cancelled (aborted, or not sent); target_error (the target did not accept the
  // information unit); aborted_command (a reset for another reason ended it; it may be submitted again).
  Errc error = Errc::ok;
  scsi::Status status = scsi::Status::good;
  std::uint32_t residual_bytes = 0;  // the part of data_bytes that was not transferred
  std::uint8_t sense_bytes = 0;
  std::array<std::uint8_t, 96> sense{};  // SPC-4 permits 252; we need only the first 18

  struct Internal {  // set by the channel; the session reads it after the channel has ended
    base::Time deadline = base::kNever;
    std::uint32_t slot = 0;
    Errc end_error = Errc::timed_out;  // the outcome if it is aborted
    bool abort_refused = false;
  } internal;
  base::ListHook hook;  // of the list that the command is in
};

using CommandList = base::List<Command>;

// Keeps the order of deadlines. That is the order of submission, except for commands that are sent again.
inline void insert_by_deadline(CommandList& list, Command& command) noexcept {
  list.insert(command, [](const Command& a, const Command& b) noexcept {
    return a.internal.deadline < b.internal.deadline;
  });
}

}  // namespace srpi::channel
