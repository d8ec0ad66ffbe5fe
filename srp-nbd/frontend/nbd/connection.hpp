// SPDX-License-Identifier: Apache-2.0
// One NBD connection of a lane: bytes from the socket become block requests, their completions become replies.
//
//   receive_buffer.hpp     bytes as they arrive
//   connection.cpp         the connection's life, and requests out of bytes
//   connection_blocks.cpp  block requests out of requests, and replies out of their completions
//   connection_writes.cpp  a write's payload
//   reply_queue.hpp        replies on their way to the client
//
// Nothing is copied. A write's payload stays where the socket put it, and the block request points there; the chunk is
// referenced until the block request has completed. A read's data go to the socket from where the target put them; the
// blocks are the job's until its reply is out.
//
// When something runs out (jobs, pieces, chunks, read blocks) the connection stops receiving until some of it is back.
// No request is refused for that.
#pragma once

#include <cstdint>

#include "frontend/nbd/job.hpp"
#include "frontend/nbd/receive_buffer.hpp"
#include "frontend/nbd/reply_queue.hpp"
#include "lane/front_end.hpp"
#include "lane/lane_host.hpp"
#include "srpi/session.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

class NbdConnection final : public FrontEnd {
 public:
  NbdConnection(LaneHost&, std::uint64_t id, UniqueFd, srpi::LogicalUnit&, std::uint32_t requests);

  void start() override { run(); }
  void service() override;
  [[nodiscard]] bool resume() override;
  void spare_chunks() override { (void)submit_building(Payload::goes_on); }
  [[nodiscard]] const char* stuck_since(Time limit, bool chunks_are_out) override;

 private:
  enum class Want : std::uint8_t { nothing, own, lane_memory };  // what it has stopped for
  // What is known of the socket of a connection without a chunk. `asked`: a poll is in the ring.
  enum class Readiness : std::uint8_t { unknown, asked, readable };
  enum class Payload : std::uint8_t { goes_on, complete };  // of a write

  // connection.cpp
  void on_close() override;
  [[nodiscard]] bool is_at_rest() const noexcept override {
    return !receiving_.is_pending && !replies_.is_sending() && pieces_.all_free();
  }
  void run();
  void end_if_drained();
  void receive();
  void on_received(int result);
  [[nodiscard]] bool is_in_request() const noexcept {
    return stream_.payload_left() > 0 || buffer_.has_unparsed();
  }
  void parse();
  [[nodiscard]] bool ready_for_more() noexcept;
  void on_sent(int result);

  // connection_blocks.cpp
  void begin(const NbdRequest&);
  void begin_read(Job&);
  void submit(Piece&, srpi::IoOperation, std::uint64_t offset, std::uint32_t bytes);
  static void on_complete(srpi::IoRequest&) noexcept;
  void completed(Piece&) noexcept;
  void finish(Job&) noexcept;
  [[nodiscard]] Job& take_job() noexcept;
  [[nodiscard]] Piece& take_piece(Job&) noexcept;
  void give(Job&) noexcept;
  void give(Piece&) noexcept;
  void give_read_blocks(Job&) noexcept;

  // connection_writes.cpp
  [[nodiscard]] std::size_t bytes_to_boundary() const noexcept;
  void append_payload(std::byte* data, std::uint32_t bytes);
  bool submit_building(Payload);
  [[nodiscard]] Piece& cut_tail(Piece&, std::uint32_t tail_bytes);
  void add_segment(Piece&, std::byte* data, std::uint32_t bytes);

  UniqueFd fd_;
  srpi::LogicalUnit& unit_;
  RequestLimits limits_;
  Slots<Job> jobs_;
  Slots<Piece> pieces_;

  ReceiveBuffer buffer_;
  RequestStream stream_;
  RingOperation receiving_;  // a receive, or a poll
  Readiness readiness_ = Readiness::unknown;
  Time receive_progress_;  // when the last receive within a request began
  Want want_ = Want::nothing;
  bool is_draining_ = false;  // no more requests; closes when all are answered

  Job* writing_ = nullptr;       // the write whose payload is arriving
  Piece* building_ = nullptr;    // its bytes that are not submitted yet
  Job* blocked_read_ = nullptr;  // a read that waits for memory
  std::size_t read_bytes_held_ = 0;

  ReplyQueue replies_;
};

}  // namespace srp_nbd
