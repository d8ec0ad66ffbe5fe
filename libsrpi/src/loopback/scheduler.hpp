// SPDX-License-Identifier: Apache-2.0
// A Scheduler decides when work requests and messages cross the loopback network, and which are lost. Without
// a Scheduler, the next progress() delivers everything in the order of posting. The simulator has a Scheduler
// with a virtual clock, delays and faults.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "fabric/work.hpp"

namespace srpi::loopback {

using ConnectionNumber = std::uint64_t;  // from 1, in the order of open()

// A work request or a message of the connection manager that is about to cross.
struct Delivery {
  enum class Kind : std::uint8_t {
    send,
    rdma_read,
    rdma_write,  // work requests
    resolve,     // address resolution of an active endpoint; local
    request,
    reply,
    reject,        // the request to the listener and its reply
    ready_to_use,  // the active side's last message, which establishes the passive side
    disconnect,    // tells one side that the other is gone
  };
  Kind kind = Kind::send;
  ConnectionNumber connection = 0;
  bool from_active = false;   // the direction
  std::uint64_t work_id = 0;  // work requests: SendWork::id
  std::uint64_t bytes = 0;    // of payload
};

struct Verdict {
  enum class Fault : std::uint8_t {
    none,
    // Work requests: the poster's queue pair goes to ERROR with `status`. The peer got nothing, or
    // everything.
    fail_undelivered,
    fail_delivered,
    // Connection manager: the message is lost.
    lost,
    // resolve, request: the active side gets the event `failed` with Errc::unreachable.
    unreachable,
    // request: rejected as stale; the listener does not see it.
    reject_stale,
  };
  Fault fault = Fault::none;
  fabric::WorkStatus status = fabric::WorkStatus::retry_exceeded;
  // From posting to arrival. Work requests of one queue pair keep their order, even with shorter later
  // delays.
  base::Duration delay{0};
  // Work requests: from arrival to completion at the poster.
  base::Duration acknowledgement_delay{0};
};

// A memory access of the simulated hardware. The Scheduler sees it after all checks and before the copy.
struct MemoryAccess {
  const std::byte* address = nullptr;
  std::size_t bytes = 0;
  bool write = false;
  bool remote = false;  // by rkey: an RDMA READ or WRITE of the peer
  ConnectionNumber connection = 0;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  [[nodiscard]] virtual base::Time now() const noexcept = 0;
  // Called once per delivery, when it is posted.
  [[nodiscard]] virtual Verdict judge(const Delivery&) noexcept = 0;
  // How long a sender waits after "receiver not ready" until it tries again.
  [[nodiscard]] virtual base::Duration rnr_delay() noexcept { return std::chrono::microseconds(10); }
  virtual void on_access(const MemoryAccess&) noexcept {}
};

[[nodiscard]] const char* to_string(Delivery::Kind) noexcept;

}  // namespace srpi::loopback
