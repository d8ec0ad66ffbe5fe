// SPDX-License-Identifier: Apache-2.0
// Makes block requests of NBD requests and of the payload of writes, and replies of their completions.
//
// The arriving payload is collected in a piece (building_). The piece is submitted when it is large enough,
// when its segments or the lane's chunks run out, and at the payload's end. A piece has whole blocks; the
// rest becomes the beginning of the next piece.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "frontend/nbd/connection.hpp"
#include "frontend/nbd/serve.hpp"

namespace srp_nbd {

using nbd::Command;

ExportInfo describe_export(const srpi::LogicalUnitInfo& unit, const LaneOptions& lane) {
  ExportInfo e;
  e.name = fmt::format("lun{}", unit.lun);
  e.description = fmt::format("{} {} {}", unit.vendor, unit.product, unit.wwid);
  e.lun = unit.lun;
  e.size_bytes = unit.blocks * unit.block_size;
  e.block_size = unit.block_size;
  e.max_request_bytes = lane.max_request_bytes;
  // Clients ignore all sizes if the preferred one is above the maximum.
  e.preferred_block_size =
      std::min(std::max({unit.block_size, unit.physical_block_size, 4096u}), e.max_request_bytes);
  e.transmission_flags = nbd::kHasFlags | nbd::kSendFlush | nbd::kSendFua | nbd::kCanMultiConn;
  if (unit.read_only) e.transmission_flags |= nbd::kReadOnly;
  if (unit.rotational) e.transmission_flags |= nbd::kRotational;
  if (unit.can_unmap) e.transmission_flags |= nbd::kSendTrim;
  if (unit.can_write_zeroes) e.transmission_flags |= nbd::kSendWriteZeroes;
  return e;
}

int to_wire_error(srpi::Errc code) noexcept {
  // NBD's numbers are Linux's, but it has only some of them.
  constexpr std::array kKnown{0, EPERM, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, EOPNOTSUPP, ESHUTDOWN};
  const int error = srpi::to_errno(code);
  return std::ranges::find(kKnown, error) == kKnown.end() ? EIO : error;
}

void NbdConnection::begin(const NbdRequest& request) {
  if (request.command == Command::disconnect) {
    is_draining_ = true;
    return;
  }
  const auto& info = unit_.info();
  export_.size_bytes = info.blocks * info.block_size;  // the unit may have grown

  Job& job = take_job();
  job.request = request;
  job.error = check_request(request, export_);
  // The payload follows even if the request is invalid.
  job.received = request.command != Command::write || request.length == 0;
  if (!job.received) writing_ = &job;
  if (job.error != 0) {
    if (job.received) finish(job);
    return;
  }
  switch (request.command) {
    case Command::read: return begin_read(job);
    case Command::flush: return submit(take_piece(job), srpi::IoOperation::flush, 0, 0);
    case Command::trim:
      return submit(take_piece(job), srpi::IoOperation::unmap, request.offset, request.length);
    case Command::write_zeroes:
      return submit(take_piece(job), srpi::IoOperation::write_zeroes, request.offset, request.length);
    default: break;
  }
}

// Submits a read, or the next round of one.
void NbdConnection::begin_read(Job& job) {
  // A connection gets at most half of the memory, so that a client that does not read its replies cannot
  // block the others. A round before the last takes all of it, so the next one begins when that is sent.
  const std::size_t share = lane_.options().read_bytes / 2;
  const auto bytes =
      static_cast<std::uint32_t>(std::min<std::size_t>(job.request.length - job.issued_bytes, share));
  const bool own_share = read_bytes_held_ == 0 || read_bytes_held_ + bytes <= share;
  const std::size_t blocks =
      own_share ? lane_.take_read_blocks(*this, read_bytes_held_ == 0, bytes, job.block) : 0;
  if (blocks == 0) {
    blocked_read_ = &job;
    want_ = own_share ? Want::lane_memory : Want::own;
    if (own_share) lane_.wait_for_memory(*this);
    return;
  }
  job.blocks = static_cast<std::uint32_t>(blocks);
  job.block_bytes = bytes;
  Piece& piece = take_piece(job);
  std::size_t rest = bytes;
  for (std::uint32_t i = 0; i < job.blocks; ++i) {
    const std::size_t size = ReadPool::bytes_of(job.block[i].order);
    read_bytes_held_ += size;
    const auto use = static_cast<std::uint32_t>(std::min(size, rest));
    piece.segment[piece.segments++] = {job.block[i].data, use, &lane_.registered_memory()};
    rest -= use;
  }
  const std::uint64_t offset = job.request.offset + job.issued_bytes;
  job.issued_bytes += bytes;
  job.received = job.issued_bytes == job.request.length;
  if (!job.received) {
    blocked_read_ = &job;
    want_ = Want::own;
  }
  submit(piece, srpi::IoOperation::read, offset, bytes);
}

// The number of bytes from the arriving payload's end to its next multiple of kTailBytes. 0 at a multiple and
// between requests. A payload may continue in another chunk only at a multiple, because some targets, such as
// Linux's, do not handle memory descriptors that end within a block.
std::size_t NbdConnection::bytes_to_boundary() const noexcept {
  const auto left = stream_.payload_left();
  if (left == 0 || writing_ == nullptr) return 0;
  const auto beyond = (writing_->request.length - left) % kTailBytes;
  return beyond == 0 ? 0 : std::min<std::size_t>(left, kTailBytes - beyond);
}

void NbdConnection::append_payload(std::byte* data, std::uint32_t bytes) {
  if (writing_->error == 0) {
    if (building_ == nullptr) {
      building_ = &take_piece(*writing_);
      building_->holds_chunks = true;
    }
    add_segment(*building_, data, bytes);
  } else if (building_ != nullptr) {  // an earlier piece of this write has failed
    give(*std::exchange(building_, nullptr));
  }
  if (stream_.payload_left() > 0) {
    if (building_ != nullptr && building_->bytes >= kMaxPieceBytes) (void)submit_building(Payload::goes_on);
    return;
  }
  Job& job = *std::exchange(writing_, nullptr);
  job.received = true;
  if (building_ != nullptr)
    (void)submit_building(Payload::complete);
  else if (job.pieces == 0)
    finish(job);
}

void NbdConnection::add_segment(Piece& piece, std::byte* data, std::uint32_t bytes) {
  auto& chunks = lane_.chunks();
  piece.bytes += bytes;
  if (piece.segments > 0) {
    auto& last = piece.segment[piece.segments - 1];
    if (last.address + last.bytes == data && &chunks.of(last.address) == &chunks.of(data)) {
      last.bytes += bytes;
      return;
    }
  }
  ++chunks.of(data).references;
  piece.segment[piece.segments++] = {data, bytes, &lane_.registered_memory()};
}

// Submits the collected payload: all of it at the payload's end, otherwise whole blocks. Returns false if
// nothing was submitted.
bool NbdConnection::submit_building(Payload payload) {
  if (building_ == nullptr) return false;
  Piece& piece = *building_;
  const std::uint32_t tail = payload == Payload::complete ? 0 : piece.bytes % export_.block_size;
  if (piece.bytes == tail || (tail > 0 && pieces_.free() == 0)) return false;
  building_ = tail > 0 ? &cut_tail(piece, tail) : nullptr;
  Job& job = *piece.job;
  const std::uint64_t offset = job.request.offset + job.issued_bytes;
  job.issued_bytes += piece.bytes;
  submit(piece, srpi::IoOperation::write, offset, piece.bytes);
  return true;
}

// Moves the incomplete last block to another piece, and returns that.
Piece& NbdConnection::cut_tail(Piece& piece, std::uint32_t tail_bytes) {
  Piece& rest = take_piece(*piece.job);
  rest.holds_chunks = true;
  // Find the segment that the tail begins in, then move everything after that point.
  std::uint32_t keep = piece.bytes - tail_bytes, first = 0;
  while (keep >= piece.segment[first].bytes) keep -= piece.segment[first++].bytes;
  for (std::uint32_t i = first; i < piece.segments; ++i) {
    const auto& s = piece.segment[i];
    const std::uint32_t skip = i == first ? keep : 0;
    add_segment(rest, s.address + skip, s.bytes - skip);
    if (skip == 0) lane_.release_chunk(lane_.chunks().of(s.address));
  }
  piece.segment[first].bytes = keep;
  piece.segments = first + (keep > 0 ? 1 : 0);
  piece.bytes -= tail_bytes;
  return rest;
}

void NbdConnection::submit(Piece& piece, srpi::IoOperation operation, std::uint64_t offset,
                           std::uint32_t bytes) {
  auto& io = piece.io;
  io.operation = operation;
  io.force_unit_access = (piece.job->request.flags & nbd::kCommandFua) != 0;
  io.first_block = offset / export_.block_size;
  io.blocks = bytes / export_.block_size;
  io.data = {piece.segment.data(), piece.segments};
  io.on_complete = [](srpi::IoRequest& done) noexcept {
    auto& its_piece = *static_cast<Piece*>(done.context);
    its_piece.connection->completed(its_piece);
  };
  io.context = &piece;
  io.status = srpi::Errc::ok;
  ++piece.job->pieces;
  unit_.submit(io);
}

// The target does not access the piece's memory any more. A write's chunks are released; a read's blocks are
// kept for the reply.
void NbdConnection::completed(Piece& piece) noexcept {
  Job& job = *piece.job;
  --job.pieces;
  if (piece.io.status != srpi::Errc::ok) fail(job, piece.io.status);
  give(piece);
  if (is_closing()) lane_.front_end_ended();  // this may have been the last one
  if (job.pieces == 0 && (job.received || job.request.command == Command::read)) finish(job);
}

void NbdConnection::fail(Job& job, srpi::Errc status) noexcept {
  if (job.error == 0) job.error = to_wire_error(status);
  if (blocked_read_ == &job) {  // no further rounds
    blocked_read_ = nullptr;
    job.received = true;
  }
  if (replies_.has_begun(job))
    close({status, fmt::format("a read of {} bytes failed when a part of it was sent", job.request.length)});
}

void NbdConnection::finish(Job& job) noexcept {
  if (is_closing()) return give(job);
  job.reply = {nbd::kSimpleReplyMagic, static_cast<std::uint32_t>(job.error), job.request.cookie};
  if (job.error != 0) give_read_blocks(job);  // an error reply has no data
  replies_.push(job);
  lane_.needs_service(*this);
}

Job& NbdConnection::take_job() noexcept {
  Job& job = jobs_.take();
  job.error = 0;
  job.pieces = job.issued_bytes = job.blocks = 0;
  return job;
}

void NbdConnection::give(Job& job) noexcept {
  give_read_blocks(job);
  jobs_.give(job);
}

void NbdConnection::give_read_blocks(Job& job) noexcept {
  if (job.blocks == 0) return;
  for (std::uint32_t i = 0; i < job.blocks; ++i) read_bytes_held_ -= ReadPool::bytes_of(job.block[i].order);
  lane_.give_read_blocks({job.block.data(), job.blocks});
  job.blocks = 0;
}

Piece& NbdConnection::take_piece(Job& job) noexcept {
  Piece& piece = pieces_.take();
  piece.job = &job;
  piece.bytes = piece.segments = 0;
  piece.holds_chunks = false;
  return piece;
}

void NbdConnection::give(Piece& piece) noexcept {
  if (piece.holds_chunks) {
    for (std::uint32_t i = 0; i < piece.segments; ++i)
      lane_.release_chunk(lane_.chunks().of(piece.segment[i].address));
    // While the connection waits for bytes, it keeps a chunk only as long as writes are in it.
    if (readiness_ == Readiness::asked) buffer_.release_unless_shared();
  }
  pieces_.give(piece);
  if (want_ == Want::own) lane_.needs_service(*this);
}

}  // namespace srp_nbd
