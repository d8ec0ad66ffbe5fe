// SPDX-License-Identifier: Apache-2.0
// Who decides when, and whether, something crosses the loopback network. Without a Scheduler everything is
// delivered by the next progress(), in the order in which it was posted. A simulator brings its own: a
// virtual clock, delays and faults.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "fabric/work.hpp"

namespace srpi::loopback {

using ConnectionNumber = std::uint64_t;  // from 1, in the order of open()

// What is about to cross: a work request, or one step of the connection manager.
struct Delivery {
  enum class Kind : std::uint8_t {
    send,
    rdma_read,
    rdma_write,  // work requests
    resolve,     // of an active endpoint's address; local
    request,
    reply,
    reject,        // to the listener, and its answer
    ready_to_use,  // the active side's last word: the passive side is established
    disconnect,    // one side is gone, the other is told
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
    // Work requests: the poster's queue pair goes to ERROR with `status`; the peer got nothing, or all of it.
    fail_undelivered,
    fail_delivered,
    // Connection manager: the message is never seen by anybody.
    lost,
    // resolve, request: the active side gets the event `failed` with Errc::unreachable.
    unreachable,
    // request: rejected as stale, without asking the listener.
    reject_stale,
  };
  Fault fault = Fault::none;
  fabric::WorkStatus status = fabric::WorkStatus::retry_exceeded;
  // From posting to arrival. Work requests of one queue pair never overtake each other, whatever the delays.
  base::Duration delay{0};
  // Work requests: from arrival to the poster's completion.
  base::Duration acknowledgement_delay{0};
};

// Memory touched by the "hardware"; seen after every check, before the copy.
struct MemoryAccess {
  const std::byte* address = nullptr;
  std::size_t bytes = 0;
  bool write = false;
  bool remote = false;  // by rkey, for an RDMA READ or WRITE of the peer
  ConnectionNumber connection = 0;
};

class Scheduler {
 public:
  virtual ~Scheduler() = default;
  [[nodiscard]] virtual base::Time now() const noexcept = 0;
  // Asked once per delivery, when it is posted.
  [[nodiscard]] virtual Verdict judge(const Delivery&) noexcept = 0;
  // How long a sender waits after "receiver not ready" before it tries again.
  [[nodiscard]] virtual base::Duration rnr_delay() noexcept { return std::chrono::microseconds(10); }
  virtual void on_access(const MemoryAccess&) noexcept {}
};

[[nodiscard]] const char* to_string(Delivery::Kind) noexcept;

}  // namespace srpi::loopback
