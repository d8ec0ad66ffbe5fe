// SPDX-License-Identifier: Apache-2.0
// From the socket to block requests, and the connection's end. connection_writes.cpp has a write's payload,
// connection_replies.cpp the way back.
#include "lane/connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "lane/describe_export.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {

using nbd::Command;
using nbd::WireError;

namespace {
constexpr std::size_t kWorthReceivingBytes = 4096;  // less room than this left: take another chunk
constexpr std::uint32_t kReservedPieces = 3;  // for the write under way; other requests leave them alone
}  // namespace

Connection::Connection(Lane::Loop& lane, std::uint64_t id, UniqueFd fd, srpi::LogicalUnit& unit,
                       ServeOptions options, std::uint32_t requests)
    : lane_(lane),
      id_(id),
      fd_(std::move(fd)),
      unit_(unit),
      jobs_(requests),
      pieces_(requests + kReservedPieces) {
  const auto e = describe_export(unit.info(), lane.options(), options.read_only);
  limits_ = {e.size_bytes, e.block_size, e.max_request_bytes, e.transmission_flags};
  for (auto& job : jobs_) {
    job.next = free_jobs_;
    free_jobs_ = &job;
  }
  for (auto& piece : pieces_) {
    piece.connection = this;
    piece.next = free_pieces_;
    free_pieces_ = &piece;
  }
  pieces_free_ = static_cast<std::uint32_t>(pieces_.size());
  // io_uring waits by itself for a socket to become ready, but only when the socket is a blocking one.
  ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) & ~O_NONBLOCK);
}

void Connection::run() {
  parse();
  receive();
  end_if_drained();
}

bool Connection::resume() {
  if (want_ != Want::nothing && !closing_) {
    want_ = Want::nothing;
    if (blocked_read_ != nullptr) begin_read(*std::exchange(blocked_read_, nullptr));
    run();
  }
  return want_ != Want::lane_memory;
}

void Connection::on_received(int result) {
  receiving_ = false;
  if (closing_) {
    lane_.release_chunk(*std::exchange(chunk_, nullptr));
    return lane_.connection_ended();
  }
  if (result == -EINTR || result == -EAGAIN) return receive();
  if (result < 0)
    return close({srpi::Errc::no_connect, words([&] {
                    return fmt::format("receiving from the client: {}", std::strerror(-result));
                  })});
  if (result == 0) {
    if (stream_.payload_left() > 0 || parsed_ != filled_)
      return close({srpi::Errc::protocol_error,
                    words([] { return "the client hung up in the middle of a request"; })});
    draining_ = true;
    return end_if_drained();
  }
  filled_ += static_cast<std::size_t>(result);
  run();
}

void Connection::on_readable() {
  receiving_ = polling_ = false;
  if (closing_) {
    if (chunk_ != nullptr) lane_.release_chunk(*std::exchange(chunk_, nullptr));
    return lane_.connection_ended();
  }
  has_bytes_ = true;
  receive();
}

// Whether whatever the stream brings next can be taken.
bool Connection::ready_for_more() noexcept {
  if (want_ != Want::nothing) return false;
  if (stream_.payload_left() > 0) {
    if (building_ == nullptr && (pieces_free_ > 0 || writing_->error != WireError::ok)) return true;
    if (building_ != nullptr && (building_->segments + 2 <= kMaxSegments ||
                                 (submit_building(false) && (building_ != nullptr || pieces_free_ > 0))))
      return true;
  } else if (free_jobs_ != nullptr && pieces_free_ > kReservedPieces - 1) {
    return true;
  }
  want_ = Want::own;
  return false;
}

void Connection::parse() {
  while (!closing_ && !draining_ && parsed_ < filled_ && ready_for_more()) {
    std::byte* const data = chunk_->data + parsed_;
    const auto item = stream_.next({data, filled_ - parsed_});
    switch (item.what) {
      case RequestStream::What::need_more:
        return;
      case RequestStream::What::broken:
        return close({srpi::Errc::protocol_error, words([&] { return item.problem; })});
      case RequestStream::What::request:
        parsed_ += item.consumed;
        begin(item.request);
        break;
      case RequestStream::What::payload:
        parsed_ += item.consumed;
        append_payload(data, static_cast<std::uint32_t>(item.consumed));
        break;
    }
  }
}

// A chunk with room to receive into. What is not parsed of the old one, less than a header, moves along. It is kept
// aside meanwhile: connections that had one chunk and waited for another could wait for each other.
bool Connection::make_room() {
  const std::size_t chunk_bytes = lane_.chunks().chunk_bytes();
  if (chunk_ != nullptr && parsed_ == filled_ && chunk_->references == 1) parsed_ = filled_ = 0;
  if (chunk_ != nullptr &&
      (filled_ + kTailBytes + kWorthReceivingBytes <= chunk_bytes || bytes_to_boundary() > 0))
    return true;
  if (chunk_ != nullptr) {
    aside_bytes_ = filled_ - parsed_;
    std::memcpy(aside_.data(), chunk_->data + parsed_, aside_bytes_);
    lane_.release_chunk(*chunk_);
    parsed_ = filled_ = 0;
  }
  chunk_ = lane_.take_chunk();
  if (chunk_ == nullptr) return false;
  filled_ = std::exchange(aside_bytes_, 0);
  std::memcpy(chunk_->data, aside_.data(), filled_);
  return true;
}

// While it only waits for bytes, a chunk stays no longer than the writes that are in it.
void Connection::release_idle_chunk() noexcept {
  if (!polling_ || chunk_ == nullptr || chunk_->references > 1) return;
  lane_.release_chunk(*std::exchange(chunk_, nullptr));
  parsed_ = filled_ = 0;
}

void Connection::receive() {
  if (receiving_ || closing_ || draining_ || want_ != Want::nothing) return;
  if (!is_in_request() && !has_bytes_ && !lane_.may_keep_chunk(*this)) {
    receiving_ = polling_ = true;
    release_idle_chunk();
    return lane_.wait_readable(*this, fd_.get());
  }
  if (!make_room()) {
    want_ = Want::lane_memory;
    return lane_.wait_for_memory(*this);
  }
  receiving_ = true;
  has_bytes_ = false;
  if (is_in_request()) receive_progress_ = std::chrono::steady_clock::now();
  const std::size_t chunk_bytes = lane_.chunks().chunk_bytes();
  const bool tail = filled_ + kTailBytes + kWorthReceivingBytes > chunk_bytes;
  lane_.receive(*this, fd_.get(), chunk_->data + filled_,
                tail ? bytes_to_boundary() : chunk_bytes - kTailBytes - filled_);
}

void Connection::begin(const NbdRequest& request) {
  if (request.type == static_cast<std::uint16_t>(Command::disconnect)) {
    draining_ = true;
    return;
  }
  const auto& info = unit_.info();
  limits_.size_bytes = info.blocks * info.block_size;  // it may have grown

  Job& job = take_job();
  job.request = request;
  job.error = check_request(request, limits_);
  job.received = true;
  const auto command = static_cast<Command>(request.type);
  if (command == Command::write && request.length > 0) {  // faulty or not, its payload comes
    job.received = false;
    writing_ = &job;
  }
  if (job.error != WireError::ok) {
    if (job.received) finish(job);
    return;
  }
  switch (command) {
    case Command::read:
      return begin_read(job);
    case Command::flush:
      return submit(take_piece(job), srpi::IoOperation::flush, 0, 0);
    case Command::trim:
      return submit(take_piece(job), srpi::IoOperation::unmap, request.offset, request.length);
    case Command::write_zeroes:
      return submit(take_piece(job), srpi::IoOperation::write_zeroes, request.offset, request.length);
    default:
      break;
  }
}

void Connection::begin_read(Job& job) {
  const std::size_t bytes = job.request.length;
  // No connection takes more than half, lest a client that does not read its answers starve the others.
  const bool own_share = read_bytes_held_ == 0 || read_bytes_held_ + bytes <= lane_.options().read_bytes / 2;
  if (own_share)
    job.blocks =
        static_cast<std::uint32_t>(lane_.take_read_blocks(*this, read_bytes_held_ == 0, bytes, job.block));
  if (job.blocks == 0) {
    blocked_read_ = &job;
    want_ = own_share ? Want::lane_memory : Want::own;
    if (own_share) lane_.wait_for_memory(*this);
    return;
  }
  Piece& piece = take_piece(job);
  std::size_t rest = bytes;
  for (std::uint32_t i = 0; i < job.blocks; ++i) {
    const std::size_t size = ReadPool::bytes_of(job.block[i].order);
    read_bytes_held_ += size;
    const auto use = static_cast<std::uint32_t>(std::min(size, rest));
    piece.segment[piece.segments++] = {job.block[i].data, use, &lane_.memory()};
    rest -= use;
  }
  submit(piece, srpi::IoOperation::read, job.request.offset, job.request.length);
}

void Connection::submit(Piece& piece, srpi::IoOperation operation, std::uint64_t offset,
                        std::uint32_t bytes) {
  auto& io = piece.io;
  io.operation = operation;
  io.force_unit_access = (piece.job->request.flags & nbd::kCommandFua) != 0;
  io.first_block = offset / limits_.block_size;
  io.blocks = bytes / limits_.block_size;
  io.data = {piece.segment.data(), piece.segments};
  io.on_complete = &Connection::on_complete;
  io.context = &piece;
  io.status = srpi::Errc::ok;
  ++piece.job->pieces;
  ++pieces_out_;
  unit_.submit(io);
}

void Connection::end_if_drained() {
  if (draining_ && jobs_used_ == 0) close({});
}

void Connection::close(srpi::Error why) {
  if (closing_) return;
  closing_ = true;
  reason_ = std::move(why);
  lane_.connection_ended();
  ::shutdown(fd_.get(), SHUT_RDWR);  // a receive or send under way returns
  if (building_ != nullptr) give(*std::exchange(building_, nullptr));
  if (chunk_ != nullptr && !receiving_) lane_.release_chunk(*std::exchange(chunk_, nullptr));
  while (first_reply_ != nullptr) give(*std::exchange(first_reply_, first_reply_->next));
  writing_ = blocked_read_ = nullptr;
}

}  // namespace srp_nbd
