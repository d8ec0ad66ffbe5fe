// SPDX-License-Identifier: Apache-2.0
// A request of the initiator, from its receive to its answer.
//
// Each slot owns a receive buffer (the request, with its descriptors and immediate data, stays there until
// the answer is posted), room for a fetched descriptor table, and room for parameter data. The receive is
// posted again just before the answer, whose credit lets the initiator use it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "scsi/decode_cdb.hpp"
#include "wire/command.hpp"
#include "wire/task_management.hpp"

namespace srpi::target {

class LogicalUnit;
struct HeldWrite;

inline constexpr std::uint32_t kTableBytes = 1024 * wire::kDescriptorBytes;  // the longest descriptor table
inline constexpr std::uint32_t kParameterBytes = 4096;  // a block of WRITE SAME, UNMAP's list, INQUIRY data

struct Slot {
  enum class Stage : std::uint8_t {
    receiving,  // the buffer is posted
    held,       // Outcome::Kind::hold
    hung,       // a command, or a task management function, of a unit that hangs
    hung_function,
    fetching_table,      // RDMA READ of the descriptor table is under way
    moving,              // its data goes, or waits for room in the send queue
    held_medium,         // the data is in a HeldWrite
    answering,           // waits for room in the send queue
    unanswered,          // lost on purpose: only an abort ends it
    waiting_for_aborts,  // a task management function
  };
  Stage stage = Stage::receiving;
  bool work_posted = false;  // a signaled RDMA work request names this slot
  bool stalled = false;      // in the channel's queue for room in the send queue
  bool lose_response = false;
  bool hold_medium = false;
  bool data_out = false;         // the direction that moves
  bool cache_lost = false;       // of its unit, while it moved: its data may have been there
  std::uint64_t order = 0;       // of arrival at the target
  std::uint64_t aborted_by = 0;  // PendingFunction::number; 0: not aborted

  std::uint64_t tag = 0;
  std::uint8_t notify = 0;
  LogicalUnit* unit = nullptr;
  HeldWrite* held_write = nullptr;  // hold_medium
  wire::ReceivedCommand command;    // refers to the receive buffer
  wire::TaskManagement function;
  scsi::DecodedCdb cdb;

  // The move: `to_move` bytes between `memory` and what the descriptors name.
  std::byte* memory = nullptr;
  std::uint32_t lkey = 0;
  std::uint32_t data_bytes = 0;  // that the command is about
  std::uint32_t to_move = 0;     // at most the initiator's buffer
  std::uint32_t moved = 0;       // posted
  wire::DescriptorView descriptors;
  std::size_t descriptor = 0;  // the current one
  std::uint32_t descriptor_used = 0;

  // What the answer says, while it waits for room.
  scsi::Status status = scsi::Status::good;
  std::optional<wire::TaskResult> result;  // of a task management function
  bool has_sense = false;
  scsi::Sense sense;
};

}  // namespace srpi::target
