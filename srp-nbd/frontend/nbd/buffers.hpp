// SPDX-License-Identifier: Apache-2.0
// What an NBD connection receives into, works on, and sends from: the receive buffer, the requests in progress
// (Job) with their block requests (Piece), and the queue of replies.
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/intrusive/slist.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "lane/lane_host.hpp"
#include "nbd/transmission.hpp"
#include "srpi/io_request.hpp"

namespace srp_nbd {

class NbdConnection;

inline constexpr std::size_t kTailBytes = 4096;

// The receive buffer of a connection: one of the lane's chunks, replaced when it is full.
//
//   | parsed | unparsed | room … | tail |      the tail lets a payload continue to the end of a block
//
// Ownership: the buffer holds one reference to its chunk. Payloads are not copied, so each part of a write
// holds another reference and keeps the chunk after its replacement.
class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(LaneHost& lane) noexcept : lane_(lane) {}

  // The received bytes that are not parsed yet.
  [[nodiscard]] std::span<std::byte> unparsed() const noexcept {
    return {chunk_->data + parsed_, filled_ - parsed_};
  }
  [[nodiscard]] bool can_be_parsed() const noexcept { return parsed_ < filled_; }
  void parsed(std::size_t bytes) noexcept { parsed_ += bytes; }
  // True if unparsed bytes are here or aside.
  [[nodiscard]] bool has_unparsed() const noexcept { return parsed_ != filled_ || aside_bytes_ > 0; }

  // Provides room for a receive, in another chunk if necessary. Precondition: less than a header is unparsed.
  // `to_boundary` is the number of payload bytes that must go into the same chunk as the bytes before them.
  // Returns false if no chunk is free.
  [[nodiscard]] bool make_room(std::size_t to_boundary) {
    if (chunk_ != nullptr) {
      if (parsed_ == filled_ && chunk_->references == 1) parsed_ = filled_ = 0;
      if (has_room() || to_boundary > 0) return true;
      // Keep the rest aside and release the chunk. Otherwise connections that keep one chunk and wait for
      // another could wait for each other.
      aside_bytes_ = filled_ - parsed_;
      std::memcpy(aside_.data(), chunk_->data + parsed_, aside_bytes_);
      release();
    }
    chunk_ = lane_.take_chunk();
    if (chunk_ == nullptr) return false;
    filled_ = std::exchange(aside_bytes_, 0);
    std::memcpy(chunk_->data, aside_.data(), filled_);
    return true;
  }
  [[nodiscard]] std::span<std::byte> room(std::size_t to_boundary) const noexcept {
    const auto bytes = has_room() ? lane_.chunks().chunk_bytes() - kTailBytes - filled_ : to_boundary;
    return {chunk_->data + filled_, bytes};
  }
  void received(std::size_t bytes) noexcept { filled_ += bytes; }

  // Precondition: no receive is in progress.
  void release() noexcept {
    if (chunk_ != nullptr) lane_.release_chunk(*std::exchange(chunk_, nullptr));
    parsed_ = filled_ = 0;
  }
  void release_unless_shared() noexcept {  // unless writes use the chunk
    if (chunk_ != nullptr && chunk_->references == 1) release();
  }

 private:
  static constexpr std::size_t kWorthReceivingBytes = 4096;  // with less room, take another chunk

  // True if there is room besides the tail.
  [[nodiscard]] bool has_room() const noexcept {
    return filled_ + kTailBytes + kWorthReceivingBytes <= lane_.chunks().chunk_bytes();
  }

  LaneHost& lane_;
  ChunkPool::Chunk* chunk_ = nullptr;
  std::size_t parsed_ = 0, filled_ = 0;  // in chunk_
  // The beginning of a header, while chunks are changed.
  std::array<std::byte, sizeof(nbd::RequestHeader)> aside_;
  std::size_t aside_bytes_ = 0;
};

inline constexpr std::size_t kMaxSegments = 48;            // per piece: 8 MiB, also in blocks below 1 MiB
inline constexpr std::uint32_t kMaxPieceBytes = 1u << 20;  // a write's piece of this size is submitted

// A request has one piece; a large write has several, and the first ones are executed while the rest arrives. A
// read that is too large for the read blocks has several, one after the other.
// Jobs and pieces are slots of their connection.
//
// Ownership:
//   Job    the connection's until the reply is pushed, or until it is given back after a close. A pushed job is
//          the queue's, with its read blocks, until pop_sent or pop_waiting returns it. A read of several
//          rounds is pushed for each of them
//   Piece  the connection's while it is filled; the library's from submit until on_complete
struct Job : SlotHook {
  NbdRequest request;
  int error = 0;                   // for the client, see nbd::SimpleReply
  std::uint32_t pieces = 0;        // submitted and not completed
  std::uint32_t issued_bytes = 0;  // of a read or write: submitted bytes
  bool received = false;           // the request is complete, and all its pieces are submitted
  nbd::SimpleReply reply;          // sent from here
  std::uint32_t blocks = 0;        // a read's memory, until its data is sent
  std::uint32_t block_bytes = 0;   // a read's data in there
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

// Replies that wait while others are sent are sent together, as many as fit into one call. The parts of a reply
// follow each other: after a part, no other reply is sent until the next part is pushed.
class ReplyQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ReplyQueue(Ring& ring, int fd, void* owner, RingOperation::Done on_sent) noexcept
      : ring_(ring), fd_(fd), sending_(owner, on_sent) {}

  void push(Job& job) noexcept {
    if (has_begun(job))
      waiting_.push_front(job);
    else
      waiting_.push_back(job);
  }
  // True if a part of the job's reply is sent, or being sent, but not the last part.
  [[nodiscard]] bool has_begun(const Job& job) const noexcept { return begun_ == &job; }
  [[nodiscard]] bool is_sending() const noexcept { return sending_.is_pending; }

  // Sends the waiting replies, unless a send is in progress.
  void send() {
    if (is_sending() || waiting_.empty() || (begun_ != nullptr && !has_begun(waiting_.front()))) return;
    std::size_t count = 0;
    auto last = waiting_.before_begin();
    for (auto& job : waiting_) {
      if (count + 1 + job.blocks > kMaxVectors) break;
      if (has_begun(job))
        begun_ = nullptr;  // the header is sent
      else
        vectors_[count++] = {&job.reply, sizeof job.reply};
      std::size_t rest = job.block_bytes;
      for (std::uint32_t i = 0; i < job.blocks; ++i) {
        const std::size_t use = std::min(rest, ReadPool::bytes_of(job.block[i].order));
        vectors_[count++] = {job.block[i].data, use};
        rest -= use;
      }
      ++last;
      if (!job.received) {
        begun_ = &job;
        break;
      }
    }
    batch_.splice_after(batch_.before_begin(), waiting_, waiting_.before_begin(), last);
    message_ = {};
    message_.msg_iov = vectors_.data();
    message_.msg_iovlen = count;
    send_message();
  }

  // Called with the result of an ended send. If it was a partial one, starts to send the rest and returns
  // true.
  [[nodiscard]] bool send_rest(int result) {
    if (result == -EINTR || result == -EAGAIN) result = 0;
    if (result < 0) return false;
    auto sent = static_cast<std::size_t>(result);
    while (message_.msg_iovlen > 0 && sent >= message_.msg_iov->iov_len) {
      sent -= message_.msg_iov->iov_len;
      ++message_.msg_iov;
      --message_.msg_iovlen;
    }
    if (message_.msg_iovlen == 0) return false;
    message_.msg_iov->iov_base = static_cast<std::byte*>(message_.msg_iov->iov_base) + sent;
    message_.msg_iov->iov_len -= sent;
    send_message();
    return true;
  }

  // The next job of the ended send, successful or not; nullptr if there are no more.
  [[nodiscard]] Job* pop_sent() noexcept { return pop(batch_); }
  [[nodiscard]] Job* pop_waiting() noexcept { return pop(waiting_); }

  // True if the client has read nothing since `limit`. The kernel continues a started send by itself and does
  // not report its progress. The number of unread bytes in the socket shows it: while the client reads, this
  // number changes between two calls. So it must be called regularly.
  [[nodiscard]] bool is_stuck_since(Time limit) noexcept {
    if (!is_sending()) return false;
    int unread = 0;
    if (::ioctl(fd_, SIOCOUTQ, &unread) == 0 && std::exchange(unread_bytes_, unread) != unread)
      progress_ = std::chrono::steady_clock::now();
    return progress_ < limit;
  }

 private:
  static constexpr std::size_t kMaxVectors = 256;

  [[nodiscard]] static Job* pop(JobList& list) noexcept {
    if (list.empty()) return nullptr;
    Job& job = list.front();
    list.pop_front();
    return &job;
  }
  void send_message() {
    progress_ = std::chrono::steady_clock::now();
    ring_.send(sending_, fd_, message_);
  }

  Ring& ring_;
  const int fd_;
  RingOperation sending_;
  JobList waiting_, batch_;
  const Job* begun_ = nullptr;  // its reply is sent in part
  std::array<iovec, kMaxVectors> vectors_;
  msghdr message_{};
  Time progress_;
  int unread_bytes_ = -1;  // in the socket, at the last call of is_stuck_since
};

}  // namespace srp_nbd
