// SPDX-License-Identifier: Apache-2.0
// A reliable-connected queue pair with its completion queue (IBA volume 1, clauses 9.7 and 10.3): two rings
// of work requests and one of completions. create() allocates all memory.
//
// A slot of the send or receive ring is in use until the completion of its request is polled. For an
// unsignaled send, that is the completion of a later signaled send. So the completion queue cannot overflow,
// and a poster that never signals runs out of slots, as on real devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "fabric/endpoint.hpp"
#include "fabric/work.hpp"
#include "loopback/device.hpp"
#include "loopback/scheduler.hpp"

namespace srpi::loopback {

inline constexpr std::uint32_t kMaxDepth = 32768;
inline constexpr std::uint32_t kMaxSges = 32;
inline constexpr std::uint32_t kMaxInlineBytes = 512;

class QueuePair;

// The queue pairs that have work to execute or to complete, first come first served.
class ReadyList {
 public:
  [[nodiscard]] QueuePair* first() const noexcept { return first_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void append(QueuePair&) noexcept;
  void remove(QueuePair&) noexcept;

 private:
  QueuePair* first_ = nullptr;
  QueuePair* last_ = nullptr;
  std::size_t size_ = 0;
};

class QueuePair {
 public:
  enum class State : std::uint8_t {
    reset,    // not created
    created,  // receives may be posted
    ready,    // connected: work is executed
    error,    // all posted work is flushed, and so is work that is posted later
    gone,     // destroyed: it reaches no memory and has no completions
  };

  QueuePair(ReadyList& list, Scheduler* scheduler, std::shared_ptr<Device> device,
            ConnectionNumber connection, bool active) noexcept
      : list_(list),
        scheduler_(scheduler),
        device_(std::move(device)),
        connection_(connection),
        active_(active) {}
  ~QueuePair() { destroy(); }
  QueuePair(const QueuePair&) = delete;
  QueuePair& operator=(const QueuePair&) = delete;

  [[nodiscard]] Result<> create(const fabric::QueueLimits&);
  [[nodiscard]] Result<> post_send(std::span<const fabric::SendWork>) noexcept;
  [[nodiscard]] Result<> post_receive(std::span<const fabric::ReceiveWork>) noexcept;
  [[nodiscard]] std::size_t poll(std::span<fabric::Completion>) noexcept;
  [[nodiscard]] bool has_completions() const noexcept { return completions_out_ != completions_in_; }

  // Call this on both ends before they become ready.
  void set_peer(QueuePair* peer) noexcept { peer_ = peer; }
  void set_rnr_retry_count(std::uint8_t n) noexcept { rnr_retry_count_ = n; }
  void set_serves_reads(bool yes) noexcept { serves_reads_ = yes; }
  void become_ready() noexcept;
  void fail() noexcept;     // to ERROR; flushes all work requests
  void destroy() noexcept;  // and clears the peer's pointer to this queue pair

  // Executes at most `limit` deliveries that are due, as far as the peer has receives, and returns their
  // number. The queue pair leaves the ready list, and joins it at the end if work is left.
  std::size_t execute(std::size_t limit) noexcept;
  // When execute() has work next; with a Scheduler only.
  [[nodiscard]] base::Time due() const noexcept;

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] std::uint32_t inline_bytes() const noexcept { return inline_bytes_; }
  // The rule that a work request of the peer broke here, for the event; otherwise null.
  [[nodiscard]] const char* violation() const noexcept { return violation_; }
  [[nodiscard]] QueuePair* next_ready() const noexcept { return next_; }
  [[nodiscard]] ConnectionNumber connection() const noexcept { return connection_; }
  [[nodiscard]] bool active() const noexcept { return active_; }

  // Fault injection on the poster's side: the next completion has this status.
  void break_with(fabric::WorkStatus status) noexcept;

 private:
  friend class ReadyList;

  struct Send {
    std::uint64_t id = 0;
    std::uint64_t remote_address = 0;
    std::uint32_t rkey = 0;
    std::uint32_t bytes = 0;  // of all SGEs, or inlined
    std::uint16_t sges = 0;
    fabric::SendOpcode opcode = fabric::SendOpcode::send;
    bool signaled = false;
    bool inlined = false;
    fabric::WorkStatus status = fabric::WorkStatus::success;
  };
  // A Scheduler's verdict about a send. Kept apart, because there is none without a Scheduler.
  struct Plan {
    Verdict verdict;
    base::Time execute_due{};
    base::Time complete_due{};
  };
  struct Receive {
    std::uint64_t id = 0;
    fabric::Sge sge;
  };
  struct Done {
    fabric::Completion completion;
    std::uint32_t retires_sends_to = 0;  // position in the send ring; unused for receives
  };
  enum class Outcome : std::uint8_t { done, not_ready };

  void plan(std::uint32_t position) noexcept;
  std::size_t execute_planned(std::size_t limit) noexcept;
  [[nodiscard]] bool give_up_or_wait() noexcept;
  // Executes the work request and stores its status in it.
  [[nodiscard]] Outcome carry_out(std::uint32_t position) noexcept;
  void carry_send(Send&, const fabric::Sge*, const std::byte* inlined) noexcept;
  void carry_rdma(Send&, const fabric::Sge*, const std::byte* inlined) noexcept;
  void gather(const Send&, const fabric::Sge*, const std::byte* inlined, std::byte* to) const noexcept;
  [[nodiscard]] bool local_allowed(const Send&, const fabric::Sge*) const noexcept;
  void complete_send(std::uint32_t position, fabric::WorkStatus) noexcept;
  void complete_receive(fabric::WorkStatus, std::uint32_t bytes) noexcept;
  void push(const fabric::Completion&, std::uint32_t retires_sends_to) noexcept;
  void refuse_peer(const char* violation) noexcept;
  void enqueue() noexcept {
    if (!listed_) list_.append(*this);
  }
  void observe(const std::byte* address, std::size_t bytes, bool write, bool remote) const noexcept;

  ReadyList& list_;
  Scheduler* scheduler_;
  std::shared_ptr<Device> device_;
  QueuePair* peer_ = nullptr;
  ConnectionNumber connection_;
  bool active_;
  State state_ = State::reset;
  bool listed_ = false;   // in list_
  bool waiting_ = false;  // receiver not ready: the first send waits for a receive of the peer
  bool serves_reads_ = true;
  std::uint8_t rnr_retry_count_ = 7;
  std::uint8_t rnr_retries_ = 0;
  QueuePair* next_ = nullptr;
  QueuePair* previous_ = nullptr;
  const char* violation_ = nullptr;
  base::Time last_execute_due_{};  // with a Scheduler: later requests are not due earlier
  base::Time last_complete_due_{};

  // Positions only grow. The slot is the position modulo the ring's size, a power of two.
  std::uint32_t send_depth_ = 0;
  std::uint32_t receive_depth_ = 0;
  std::uint32_t max_sges_ = 0;
  std::uint32_t inline_bytes_ = 0;
  std::uint32_t send_mask_ = 0;
  std::uint32_t receive_mask_ = 0;
  std::uint32_t completion_mask_ = 0;
  std::uint32_t posted_ = 0;  // retired_ <= completed_ <= executed_ <= posted_
  std::uint32_t executed_ = 0;
  std::uint32_t completed_ = 0;
  std::uint32_t retired_ = 0;
  std::uint32_t receives_posted_ = 0;
  std::uint32_t receives_used_ = 0;
  std::uint32_t receives_retired_ = 0;
  std::uint32_t completions_in_ = 0;
  std::uint32_t completions_out_ = 0;
  std::vector<Send> sends_;
  std::vector<fabric::Sge> sges_;   // max_sges_ for each send
  std::vector<std::byte> inlined_;  // inline_bytes_ for each send
  std::vector<Plan> plans_;         // with a Scheduler only
  std::vector<Receive> receives_;
  std::vector<Done> completions_;
};

}  // namespace srpi::loopback
