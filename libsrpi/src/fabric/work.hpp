// SPDX-License-Identifier: Apache-2.0
// Work requests and completions of the data path. Plain values, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace srpi::fabric {

struct Sge {
  std::byte* address = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t lkey = 0;
};

enum class SendOpcode : std::uint8_t { send, rdma_read, rdma_write };

struct SendWork {
  std::uint64_t id = 0;         // repeated in the completion, also if the request is flushed
  std::span<const Sge> sges{};  // the list is read during post_send; its bytes stay in use until completion
  std::uint64_t remote_address = 0;  // rdma_read, rdma_write
  std::uint32_t rkey = 0;            // rdma_read, rdma_write
  SendOpcode opcode = SendOpcode::send;
  bool signaled = false;   // an unsignaled request reports only an error
  bool inlined = false;    // send: copied by post_send; at most inline_bytes()
  bool solicited = false;  // send: wakes a receiver that waits for solicited events
};

struct ReceiveWork {
  std::uint64_t id = 0;
  Sge sge;
};

// The classes of status that we distinguish. `vendor` keeps the device's own code for the log.
enum class WorkStatus : std::uint8_t {
  success,
  flushed,           // the queue pair was in ERROR; an earlier completion has the cause
  retry_exceeded,    // the peer did not acknowledge
  rnr_exceeded,      // the peer had no receive posted
  remote_access,     // NAK: bad rkey, bounds or permission
  remote_operation,  // NAK: the peer could not perform it
  local_error,       // length, protection or QP operation error on our side
  fatal,
};
[[nodiscard]] const char* to_string(WorkStatus) noexcept;

struct Completion {
  std::uint64_t id = 0;
  WorkStatus status = WorkStatus::success;
  bool receive = false;     // of a ReceiveWork; valid only with success
  std::uint32_t bytes = 0;  // received
  std::uint32_t vendor = 0;
};

}  // namespace srpi::fabric
