// SPDX-License-Identifier: Apache-2.0
// Makes block requests of a write's payload.
//
// The arriving payload is collected in a piece (building_). The piece is submitted when it is large enough,
// when its segments or the lane's chunks run out, and at the payload's end. A piece has whole blocks; the
// rest becomes the beginning of the next piece.
#include <algorithm>
#include <utility>

#include "frontend/nbd/connection.hpp"

namespace srp_nbd {

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

}  // namespace srp_nbd
