// SPDX-License-Identifier: Apache-2.0
// One NBD connection of a lane: bytes from the socket become block requests, their completions become replies.
//
// A write's payload stays where the socket put it, and the block request points there. A read's data go to the socket
// from where the target put them. When something runs out (jobs, pieces, chunks, read blocks) the connection stops
// receiving until some of it is back; nothing is refused for that.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <vector>

#include "lane/job.hpp"
#include "lane/lane_loop.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

class Connection {
 public:
  Connection(Lane::Loop&, std::uint64_t id, UniqueFd fd, srpi::LogicalUnit&, ServeOptions,
             std::uint32_t requests);

  void start() { run(); }
  void on_received(int result);
  void on_readable();
  void on_sent(int result);
  // Something came back; goes on where it had stopped. False: still stopped for want of the lane's memory.
  bool resume();
  // Sends what is answered, and goes on if that had been stopped for want of the connection's own jobs or pieces.
  void service();
  // Ends the connection; the first reason is kept. Requests under way complete into the void.
  void close(srpi::Error why);
  // Sends the part of an unfinished write that is there, so that its chunks come back.
  void hand_on_partial_write() { (void)submit_building(false); }

  [[nodiscard]] bool finished() const noexcept {
    return closing_ && !receiving_ && !sending_ && pieces_out_ == 0;
  }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] const srpi::Error& reason() const noexcept { return reason_; }
  // The client has taken nothing since then, as far as one can see who looks now and then.
  [[nodiscard]] bool send_stuck_since(std::chrono::steady_clock::time_point limit) noexcept;

  // In the middle of a request, with a chunk.
  [[nodiscard]] bool request_stuck_since(std::chrono::steady_clock::time_point limit) const noexcept {
    return receiving_ && !closing_ && is_in_request() && receive_progress_ < limit;
  }

  bool keeps_chunk = false;     // see Lane::Loop::may_keep_chunk
  bool waiting = false;         // in the lane's queue for memory
  bool to_be_serviced = false;  // in the lane's list

 private:
  enum class Want : std::uint8_t { nothing, own, lane_memory };  // what it has stopped for

  void run();
  void parse();
  void receive();
  void release_idle_chunk() noexcept;
  [[nodiscard]] bool is_in_request() const noexcept {
    return stream_.payload_left() > 0 || parsed_ != filled_ || aside_bytes_ > 0;
  }
  [[nodiscard]] bool make_room();
  [[nodiscard]] bool ready_for_more() noexcept;
  void begin(const NbdRequest&);
  void begin_read(Job&);
  [[nodiscard]] std::size_t bytes_to_boundary() const noexcept;
  void append_payload(std::byte* data, std::uint32_t bytes);
  void add_segment(Piece&, std::byte* data, std::uint32_t bytes);
  bool submit_building(bool last);
  void submit(Piece&, srpi::IoOperation, std::uint64_t offset, std::uint32_t bytes);
  static void on_complete(srpi::IoRequest&) noexcept;
  void completed(Piece&) noexcept;
  void finish(Job&) noexcept;
  void send_replies();
  void send_batch();
  void end_if_drained();

  [[nodiscard]] Job& take_job() noexcept;
  void give(Job&) noexcept;
  [[nodiscard]] Piece& take_piece(Job&) noexcept;
  void give(Piece&) noexcept;

  Lane::Loop& lane_;
  const std::uint64_t id_;
  UniqueFd fd_;
  srpi::LogicalUnit& unit_;
  RequestLimits limits_;

  std::vector<Job> jobs_;
  std::vector<Piece> pieces_;
  Job* free_jobs_ = nullptr;
  Piece* free_pieces_ = nullptr;
  std::uint32_t jobs_used_ = 0;
  std::uint32_t pieces_free_ = 0;
  std::uint32_t pieces_out_ = 0;
  std::size_t read_bytes_held_ = 0;

  RequestStream stream_;
  ChunkPool::Chunk* chunk_ = nullptr;
  std::size_t parsed_ = 0, filled_ = 0;                      // in chunk_
  std::array<std::byte, sizeof(nbd::RequestHeader)> aside_;  // the beginning of a header, between two chunks
  std::size_t aside_bytes_ = 0;
  Job* writing_ = nullptr;       // the write whose payload is arriving
  Piece* building_ = nullptr;    // its bytes that are not submitted yet
  Job* blocked_read_ = nullptr;  // a read that waits for memory
  Want want_ = Want::nothing;

  Job* first_reply_ = nullptr;
  Job* last_reply_ = nullptr;
  Job* batch_ = nullptr;  // being sent
  static constexpr std::size_t kMaxVectors = 256;
  std::array<iovec, kMaxVectors> vectors_;
  msghdr message_{};
  std::chrono::steady_clock::time_point send_progress_;
  int unread_ = -1;  // bytes in the socket when its progress was looked at

  std::chrono::steady_clock::time_point receive_progress_;

  bool receiving_ = false, sending_ = false;
  bool polling_ = false;    // what is under way for receiving is a poll
  bool has_bytes_ = false;  // a poll said so: a chunk is needed
  bool draining_ = false;   // no more requests; closes when all are answered
  bool closing_ = false;
  srpi::Error reason_;
};

}  // namespace srp_nbd
