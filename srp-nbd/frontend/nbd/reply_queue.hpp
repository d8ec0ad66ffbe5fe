// SPDX-License-Identifier: Apache-2.0
// Sends replies to the client. Replies that wait while others are sent are sent together, as many as fit into
// one call.
//
// Ownership: a job, with its read blocks, belongs to the queue from `push` until pop_sent or pop_waiting
// returns it.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>

#include "frontend/nbd/job.hpp"
#include "lane/ring.hpp"

namespace srp_nbd {

class ReplyQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ReplyQueue(Ring& ring, int fd, void* owner, RingOperation::Done on_sent) noexcept
      : ring_(ring), fd_(fd), sending_(owner, on_sent) {}

  void push(Job& job) noexcept { waiting_.push_back(job); }
  [[nodiscard]] bool is_sending() const noexcept { return sending_.is_pending; }
  // Sends the waiting replies, unless a send is in progress.
  void send();
  // Called with the result of an ended send. If it was a partial one, starts to send the rest and returns
  // true.
  [[nodiscard]] bool send_rest(int result);

  // The next job of the ended send, successful or not; nullptr if there are no more.
  [[nodiscard]] Job* pop_sent() noexcept { return pop(batch_); }
  [[nodiscard]] Job* pop_waiting() noexcept { return pop(waiting_); }

  // True if the client has read nothing since `limit`. Must be called regularly, because it compares with the
  // previous call.
  [[nodiscard]] bool is_stuck_since(Time limit) noexcept;

 private:
  static constexpr std::size_t kMaxVectors = 256;

  [[nodiscard]] static Job* pop(JobList&) noexcept;
  void send_message();

  Ring& ring_;
  const int fd_;
  RingOperation sending_;
  JobList waiting_, batch_;
  std::array<iovec, kMaxVectors> vectors_;
  msghdr message_{};
  Time progress_;
  int unread_bytes_ = -1;  // in the socket, at the last call of is_stuck_since
};

}  // namespace srp_nbd
