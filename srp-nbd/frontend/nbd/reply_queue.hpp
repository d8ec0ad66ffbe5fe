// SPDX-License-Identifier: Apache-2.0
// The way back to the client: replies wait here while others are sent, then go out in one call, as many as fit.
//
// Ownership: a job, with the blocks that it has read into, is the queue's from `push` until it comes out of pop_sent or
// pop_waiting.
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
  // Sends what waits, unless replies are being sent.
  void send();
  // A send is over, with this result. True: a part of it was not sent, and is on its way now.
  [[nodiscard]] bool send_rest(int result);

  // The next one that has been sent, or could not be. nullptr: no more.
  [[nodiscard]] Job* pop_sent() noexcept { return pop(batch_); }
  [[nodiscard]] Job* pop_waiting() noexcept { return pop(waiting_); }

  // The client has taken nothing since then. It shows only to a caller that asks every now and then.
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
  int unread_bytes_ = -1;  // in the socket when the progress was looked at
};

}  // namespace srp_nbd
