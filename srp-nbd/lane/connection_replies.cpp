// SPDX-License-Identifier: Apache-2.0
// From completed block requests to the socket, and where jobs and pieces come from and go to.
#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lane/connection.hpp"
#include "lane/describe_export.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {

using nbd::WireError;

void Connection::on_complete(srpi::IoRequest& io) noexcept {
  auto& piece = *static_cast<Piece*>(io.context);
  piece.connection->completed(piece);
}

// The piece's memory can no longer be reached by the target: a write's chunks go back, a read's blocks wait for the
// reply.
void Connection::completed(Piece& piece) noexcept {
  Job& job = *piece.job;
  --pieces_out_;
  --job.pieces;
  if (piece.io.status != srpi::Errc::ok && job.error == WireError::ok)
    job.error = to_wire_error(piece.io.status);
  give(piece);
  if (closing_) lane_.connection_ended();  // perhaps the last thing it waited for
  if (job.pieces > 0 || !job.received) return;
  finish(job);
}

void Connection::finish(Job& job) noexcept {
  if (closing_) return give(job);
  job.reply = {nbd::kSimpleReplyMagic, static_cast<std::uint32_t>(job.error), job.request.cookie};
  if (job.error != WireError::ok && job.blocks > 0) {  // an error is answered without data
    for (std::uint32_t i = 0; i < job.blocks; ++i) read_bytes_held_ -= ReadPool::bytes_of(job.block[i].order);
    lane_.give_read_blocks({job.block.data(), job.blocks});
    job.blocks = 0;
  }
  job.next = nullptr;
  if (first_reply_ == nullptr)
    first_reply_ = &job;
  else
    last_reply_->next = &job;
  last_reply_ = &job;
  lane_.needs_service(*this);
}

void Connection::service() {
  if (closing_) return;
  send_replies();
  if (want_ == Want::own) resume();
  end_if_drained();
}

// As many replies as fit into one call.
void Connection::send_replies() {
  if (sending_ || closing_ || first_reply_ == nullptr) return;
  std::size_t count = 0;
  batch_ = first_reply_;
  Job* last = nullptr;
  while (first_reply_ != nullptr && count + 1 + first_reply_->blocks <= kMaxVectors) {
    last = std::exchange(first_reply_, first_reply_->next);
    vectors_[count++] = {&last->reply, sizeof last->reply};
    std::size_t rest = last->request.length;
    for (std::uint32_t i = 0; i < last->blocks; ++i) {
      const std::size_t use = std::min(rest, ReadPool::bytes_of(last->block[i].order));
      vectors_[count++] = {last->block[i].data, use};
      rest -= use;
    }
  }
  last->next = nullptr;
  message_ = {};
  message_.msg_iov = vectors_.data();
  message_.msg_iovlen = count;
  send_batch();
}

void Connection::send_batch() {
  sending_ = true;
  send_progress_ = std::chrono::steady_clock::now();
  lane_.send(*this, fd_.get(), message_);
}

// The kernel goes on by itself with a send that it has begun, which costs us nothing. How far it is shows by what is in
// the socket: with a client that takes something, that changes from one look to another.
bool Connection::send_stuck_since(std::chrono::steady_clock::time_point limit) noexcept {
  if (!sending_ || closing_) return false;
  int unread = 0;
  if (::ioctl(fd_.get(), SIOCOUTQ, &unread) == 0 && std::exchange(unread_, unread) != unread)
    send_progress_ = std::chrono::steady_clock::now();
  return send_progress_ < limit;
}

void Connection::on_sent(int result) {
  sending_ = false;
  if (closing_) lane_.connection_ended();
  if (result >= 0 && !closing_) {
    auto sent = static_cast<std::size_t>(result);
    while (message_.msg_iovlen > 0 && sent >= message_.msg_iov->iov_len) {
      sent -= message_.msg_iov->iov_len;
      ++message_.msg_iov;
      --message_.msg_iovlen;
    }
    if (message_.msg_iovlen > 0) {
      message_.msg_iov->iov_base = static_cast<std::byte*>(message_.msg_iov->iov_base) + sent;
      message_.msg_iov->iov_len -= sent;
      return send_batch();
    }
  } else if (!closing_ && (result == -EINTR || result == -EAGAIN)) {
    return send_batch();
  }
  while (batch_ != nullptr) {
    Job& job = *batch_;
    batch_ = job.next;
    give(job);
  }
  if (closing_) return;
  if (result < 0)
    return close({srpi::Errc::no_connect,
                  words([&] { return fmt::format("sending to the client: {}", std::strerror(-result)); })});
  service();
}

Job& Connection::take_job() noexcept {
  Job& job = *free_jobs_;
  free_jobs_ = job.next;
  ++jobs_used_;
  job.next = nullptr;
  job.error = WireError::ok;
  job.pieces = job.issued_bytes = job.blocks = 0;
  return job;
}

void Connection::give(Job& job) noexcept {
  if (job.blocks > 0) {
    for (std::uint32_t i = 0; i < job.blocks; ++i) read_bytes_held_ -= ReadPool::bytes_of(job.block[i].order);
    lane_.give_read_blocks({job.block.data(), job.blocks});
    job.blocks = 0;
  }
  job.next = free_jobs_;
  free_jobs_ = &job;
  --jobs_used_;
}

Piece& Connection::take_piece(Job& job) noexcept {
  Piece& piece = *free_pieces_;
  free_pieces_ = piece.next;
  --pieces_free_;
  piece.job = &job;
  piece.bytes = piece.segments = 0;
  piece.holds_chunks = false;
  return piece;
}

void Connection::give(Piece& piece) noexcept {
  if (piece.holds_chunks) {
    for (std::uint32_t i = 0; i < piece.segments; ++i)
      lane_.release_chunk(lane_.chunks().of(piece.segment[i].address));
    release_idle_chunk();
  }
  piece.next = free_pieces_;
  free_pieces_ = &piece;
  ++pieces_free_;
  if (want_ == Want::own) lane_.needs_service(*this);
}

}  // namespace srp_nbd
