// SPDX-License-Identifier: Apache-2.0
// A write's payload on its way from receive chunks to block requests.
//
// While it arrives it is collected in a piece (building_), which is submitted when it is large enough, when its
// segments or the lane's chunks run out, and at the end. A piece has whole blocks; what is beyond stays with the next.
#include <algorithm>
#include <utility>

#include "frontend/nbd/connection.hpp"

namespace srp_nbd {

using nbd::WireError;

// Bytes of the payload that is arriving up to its next multiple of kTailBytes; 0: at one, or between requests. A payload
// goes on in the next chunk only there: targets (Linux's among them) mistake memory descriptors that end within a block.
std::size_t NbdConnection::bytes_to_boundary() const noexcept {
  const auto left = stream_.payload_left();
  if (left == 0 || writing_ == nullptr) return 0;
  const auto beyond = (writing_->request.length - left) % kTailBytes;
  return beyond == 0 ? 0 : std::min<std::size_t>(left, kTailBytes - beyond);
}

void NbdConnection::append_payload(std::byte* data, std::uint32_t bytes) {
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

// Submits what has come of a write: all of it at its end, else whole blocks. False: nothing was submitted.
bool NbdConnection::submit_building(Payload payload) {
  if (building_ == nullptr) return false;
  Piece& piece = *building_;
  const std::uint32_t tail = payload == Payload::complete ? 0 : piece.bytes % limits_.block_size;
  if (piece.bytes == tail || (tail > 0 && pieces_.free() == 0)) return false;
  building_ = tail > 0 ? &cut_tail(piece, tail) : nullptr;
  Job& job = *piece.job;
  const std::uint64_t offset = job.request.offset + job.issued_bytes;
  job.issued_bytes += piece.bytes;
  submit(piece, srpi::IoOperation::write, offset, piece.bytes);
  return true;
}

// Moves the last bytes, which are less than a block, to a piece of their own.
Piece& NbdConnection::cut_tail(Piece& piece, std::uint32_t tail_bytes) {
  Piece& rest = take_piece(*piece.job);
  rest.holds_chunks = true;
  // From the end of the list, whole segments or a part of one, in order.
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
