// SPDX-License-Identifier: Apache-2.0
// An NBD connection of a lane. It makes block requests of the received bytes, and replies of their
// completions.
//
//   buffers.hpp            received bytes, requests in progress, and replies
//   connection.cpp         start, end, and receiving
//   connection_blocks.cpp  from NBD requests to block requests, and from completions to replies
//
// Nothing is copied. A block request for a write points to the received payload, and holds a reference to the
// chunk until it completes. The target puts a read's data into read blocks, and the reply is sent from there;
// the job owns the blocks until then.
//
// If jobs, pieces, chunks or read blocks run out, the connection stops receiving until some are free again.
// No request is refused for this. A read that is larger than the connection's share of the read blocks has
// several rounds: the data of one is sent before the next one begins, and no other request begins meanwhile.
#pragma once

#include <cstdint>

#include "frontend/nbd/buffers.hpp"
#include "lane/lane_host.hpp"
#include "srpi/session.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

class NbdConnection final : public FrontEnd {
 public:
  NbdConnection(LaneHost&, std::uint64_t id, UniqueFd, srpi::LogicalUnit&, std::uint32_t requests,
                std::uint32_t max_request_bytes);

  void start() override { run(); }
  void service() override;
  [[nodiscard]] bool resume() override;
  void spare_chunks() override { (void)submit_building(Payload::goes_on); }
  [[nodiscard]] const char* stuck_since(Time limit, bool chunks_are_out) override;

 private:
  enum class Want : std::uint8_t { nothing, own, lane_memory };  // what the connection waits for
  // Whether the socket is readable, for a connection without a chunk. `asked`: a poll is in the ring.
  enum class Readiness : std::uint8_t { unknown, asked, readable };
  enum class Payload : std::uint8_t { goes_on, complete };  // of an arriving write

  // connection.cpp
  void on_close() override;
  [[nodiscard]] bool is_at_rest() const noexcept override {
    return !receiving_.is_pending && !replies_.is_sending() && pieces_.all_free();
  }
  void run();
  void end_if_drained() {
    if (is_draining_ && jobs_.all_free()) close({});
  }
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
  void completed(Piece&) noexcept;
  void fail(Job&, srpi::Errc) noexcept;
  void finish(Job&) noexcept;
  [[nodiscard]] Job& take_job() noexcept;
  [[nodiscard]] Piece& take_piece(Job&) noexcept;
  void give(Job&) noexcept;
  void give(Piece&) noexcept;
  void give_read_blocks(Job&) noexcept;
  [[nodiscard]] std::size_t bytes_to_boundary() const noexcept;
  void append_payload(std::byte* data, std::uint32_t bytes);
  bool submit_building(Payload);
  [[nodiscard]] Piece& cut_tail(Piece&, std::uint32_t tail_bytes);
  void add_segment(Piece&, std::byte* data, std::uint32_t bytes);

  UniqueFd fd_;
  srpi::LogicalUnit& unit_;
  ExportInfo export_;
  Slots<Job> jobs_;
  Slots<Piece> pieces_;

  ReceiveBuffer buffer_;
  RequestStream stream_;
  RingOperation receiving_;  // a receive or a poll
  Readiness readiness_ = Readiness::unknown;
  Time receive_progress_;  // the start of the last receive within a request
  Want want_ = Want::nothing;
  bool is_draining_ = false;  // takes no more requests, and closes when all are answered

  Job* writing_ = nullptr;       // the arriving write
  Piece* building_ = nullptr;    // its bytes that are not submitted yet, or nullptr
  Job* blocked_read_ = nullptr;  // a read that waits for memory, or for its next round
  std::size_t read_bytes_held_ = 0;

  ReplyQueue replies_;
};

}  // namespace srp_nbd
