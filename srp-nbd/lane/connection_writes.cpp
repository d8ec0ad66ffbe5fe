// SPDX-License-Identifier: Apache-2.0
// A write's payload on its way from receive chunks to block requests.
#include <algorithm>
#include <utility>

#include "lane/connection.hpp"

namespace srp_nbd {

using nbd::WireError;

// Bytes of the payload that is arriving up to its next multiple of kTailBytes; 0: at one, or between requests. A payload
// goes on in the next chunk only there: targets (Linux's among them) mistake memory descriptors that end within a block.
std::size_t Connection::bytes_to_boundary() const noexcept {
  const auto left = stream_.payload_left();
  if (left == 0 || writing_ == nullptr) return 0;
  const auto beyond = (writing_->request.length - left) % kTailBytes;
  return beyond == 0 ? 0 : std::min<std::size_t>(left, kTailBytes - beyond);
}

void Connection::add_segment(Piece& piece, std::byte* data, std::uint32_t bytes) {
  piece.bytes += bytes;
  if (piece.segments > 0) {
    auto& last = piece.segment[piece.segments - 1];
    if (last.address + last.bytes == data && &lane_.chunks().of(last.address) == &lane_.chunks().of(data)) {
      last.bytes += bytes;
      return;
    }
  }
  ++lane_.chunks().of(data).references;
  piece.segment[piece.segments++] = {data, bytes, &lane_.memory()};
}

void Connection::append_payload(std::byte* data, std::uint32_t bytes) {
  if (writing_->error == WireError::ok) {
    if (building_ == nullptr) {
      building_ = &take_piece(*writing_);
      building_->holds_chunks = true;
    }
    add_segment(*building_, data, bytes);
  } else if (building_ != nullptr) {  // an earlier piece of it has failed
    give(*std::exchange(building_, nullptr));
  }
  if (stream_.payload_left() > 0) {
    if (building_ != nullptr && building_->bytes >= kMaxPieceBytes) (void)submit_building(false);
    return;
  }
  Job& job = *std::exchange(writing_, nullptr);
  job.received = true;
  if (building_ != nullptr)
    submit_building(true);
  else if (job.pieces == 0)
    finish(job);
}

// Submits what has come of a write: all of it at its end, else whole blocks. False: nothing submitted.
bool Connection::submit_building(bool last) {
  if (building_ == nullptr) return false;
  Piece& piece = *building_;
  const std::uint32_t tail = last ? 0 : piece.bytes % limits_.block_size;
  if (piece.bytes == tail) return false;
  building_ = nullptr;
  if (tail > 0) {
    if (pieces_free_ == 0) {
      building_ = &piece;
      return false;
    }
    Piece& rest = take_piece(*piece.job);
    rest.holds_chunks = true;
    // From the end of the list, whole segments or a part of one, in order.
    std::uint32_t keep = piece.bytes - tail, first = 0;
    while (keep >= piece.segment[first].bytes) keep -= piece.segment[first++].bytes;
    for (std::uint32_t i = first; i < piece.segments; ++i) {
      const auto& s = piece.segment[i];
      const std::uint32_t skip = i == first ? keep : 0;
      add_segment(rest, s.address + skip, s.bytes - skip);
      if (skip == 0) lane_.release_chunk(lane_.chunks().of(s.address));
    }
    piece.segment[first].bytes = keep;
    piece.segments = first + (keep > 0 ? 1 : 0);
    piece.bytes -= tail;
    building_ = &rest;
  }
  Job& job = *piece.job;
  const std::uint64_t offset = job.request.offset + job.issued_bytes;
  job.issued_bytes += piece.bytes;
  submit(piece, srpi::IoOperation::write, offset, piece.bytes);
  return true;
}

}  // namespace srp_nbd
