// SPDX-License-Identifier: Apache-2.0
// A slot holds a request of the initiator from its receive to its answer.
//
// Each slot owns a receive buffer, a buffer for a fetched descriptor table and a buffer for parameter data.
// The request, with its descriptors and immediate data, stays in the receive buffer until the answer is
// posted. The receive is posted again just before the answer, because the answer's credit permits the next
// request.
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
    receiving,           // the buffer is posted
    held,                // by Outcome::Kind::hold
    hung,                // a command for a hanging unit
    hung_function,       // a task management function for a hanging unit
    fetching_table,      // RDMA READ of the descriptor table is under way
    moving,              // its data is moving, or waits for room in the send queue
    held_medium,         // the data is in a HeldWrite
    answering,           // waits for room in the send queue
    unanswered,          // lost by fault injection; only an abort ends it
    waiting_for_aborts,  // a function whose aborted commands have not ended
  };
  Stage stage = Stage::receiving;
  bool work_posted = false;  // a signaled RDMA work request names this slot
  bool stalled = false;      // listed in Channel::stalled_
  bool lose_response = false;
  bool hold_medium = false;
  bool data_out = false;         // direction of the data transfer
  bool cache_lost = false;       // the unit lost its cache during the transfer, perhaps with this data
  std::uint64_t order = 0;       // of arrival at the target
  std::uint64_t aborted_by = 0;  // PendingFunction::number; 0: not aborted

  std::uint64_t tag = 0;
  std::uint8_t notify = 0;
  LogicalUnit* unit = nullptr;
  HeldWrite* held_write = nullptr;  // for hold_medium
  wire::ReceivedCommand command;    // points into the receive buffer
  wire::TaskManagement function;
  scsi::DecodedCdb cdb;

  // The transfer: `to_move` bytes between `memory` and the memory of the descriptors.
  std::byte* memory = nullptr;
  std::uint32_t lkey = 0;
  std::uint32_t data_bytes = 0;  // of the command, from its CDB
  std::uint32_t to_move = 0;     // data_bytes, or less if the initiator's buffer is smaller
  std::uint32_t moved = 0;       // bytes posted so far
  wire::DescriptorView descriptors;
  std::size_t descriptor = 0;  // the current one
  std::uint32_t descriptor_used = 0;

  // The answer, while it waits for room in the send queue.
  scsi::Status status = scsi::Status::good;
  std::optional<wire::TaskResult> result;  // of a task management function
  bool has_sense = false;
  scsi::Sense sense;
};

}  // namespace srpi::target
