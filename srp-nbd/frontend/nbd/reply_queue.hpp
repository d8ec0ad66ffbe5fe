// SPDX-License-Identifier: Apache-2.0
// An NBD request in progress (Job), its block requests (Piece), and the queue that sends replies. A request
// has one piece; a large write has several, and the first ones are executed while the rest arrives. Jobs and
// pieces are slots of their connection.
//
// Ownership:
//   Job    the connection's, from the request's header until the connection is closed or the reply is pushed;
//          then the queue's, with its read blocks, until pop_sent or pop_waiting returns it
//   Piece  the connection's while it is filled; the library's from submit until on_complete
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/intrusive/slist.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "lane/io_memory.hpp"
#include "lane/ring.hpp"
#include "nbd/transmission.hpp"
#include "srpi/io_request.hpp"

namespace srp_nbd {

class NbdConnection;

inline constexpr std::size_t kMaxSegments = 48;  // per piece: 32 MiB in blocks of 1 MiB, and some more
inline constexpr std::uint32_t kMaxPieceBytes = 1u << 20;  // a write's piece of this size is submitted

struct Job : SlotHook {
  NbdRequest request;
  int error = 0;                   // for the client, see nbd::SimpleReply
  std::uint32_t pieces = 0;        // submitted and not completed
  std::uint32_t issued_bytes = 0;  // of a write: submitted bytes
  bool received = false;           // the request is complete, and all its pieces are submitted
  nbd::SimpleReply reply;          // sent from here
  std::uint32_t blocks = 0;        // a read's memory, until the reply is sent
  std::array<ReadPool::Block, kMaxSegments> block;
};
using JobList = boost::intrusive::slist<Job, boost::intrusive::cache_last<true>,
                                        boost::intrusive::constant_time_size<false>>;

struct Piece : SlotHook {
  srpi::IoRequest io;
  Job* job = nullptr;
  NbdConnection* connection = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t segments = 0;
  bool holds_chunks = false;  // a write: each segment has a reference to its chunk
  std::array<srpi::Segment, kMaxSegments> segment;
};

// Replies that wait while others are sent are sent together, as many as fit into one call.
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
