// SPDX-License-Identifier: Apache-2.0
// A request's next command: which blocks, which bytes, which CDB.
#include <algorithm>

#include "base/check.hpp"
#include "lun/piece.hpp"
#include "lun/unit.hpp"
#include "scsi/unmap.hpp"

namespace srpi::lun {

std::uint32_t Unit::max_blocks(IoOperation operation) const noexcept {
  switch (operation) {
    case IoOperation::unmap:
      return profile_.limits.max_unmap_blocks;
    case IoOperation::write_zeroes:
      return profile_.limits.max_write_same_blocks;
    default:
      return profile_.limits.max_transfer_blocks;
  }
}

// The next bytes of the request, at most max_bytes and as many segments as a command carries. Whole blocks, since
// each segment and max_bytes are.
std::uint32_t Unit::gather(IoRequest& r, Piece& piece, std::uint32_t max_bytes) noexcept {
  const auto most = std::min(max_segments_, nexus_.channels().usable_segments());
  std::uint32_t bytes = 0, count = 0;
  while (bytes < max_bytes && count < most && r.internal.segment < r.data.size()) {
    const auto& s = r.data[r.internal.segment];
    const auto take = std::min(s.bytes - r.internal.segment_offset, max_bytes - bytes);
    piece.segments[count++] = {s.address + r.internal.segment_offset, take, s.memory->lkey(),
                               s.memory->rkey(), s.memory};
    bytes += take;
    r.internal.segment_offset += take;
    if (r.internal.segment_offset == s.bytes) {
      ++r.internal.segment;
      r.internal.segment_offset = 0;
    }
  }
  piece.command.data = std::span(piece.segments, count);
  return bytes;
}

// Sends the request's next command. False: nothing of it is left to send, or may be sent.
bool Unit::issue_piece(IoRequest& r, Piece& piece) noexcept {
  auto& command = piece.command;
  const auto lba = r.first_block + r.internal.issued_blocks;
  const auto left = r.blocks - r.internal.issued_blocks;
  auto blocks = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, max_blocks(r.operation)));
  if (blocks == 0 && r.operation != IoOperation::flush) {
    // The unit could do it when the request was submitted, and says since that it cannot.
    r.status = Errc::not_supported;
    free_.push_back(&piece);
    return false;
  }
  const auto lkey = parameters_memory_->lkey();
  const auto rkey = parameters_memory_->rkey();
  piece.request = &r;
  piece.budget = {};
  command.deadline = clock_.now() + options_.command_timeout;
  command.give_up_at = command.deadline + options_.fast_io_fail;
  command.data = {};
  command.data_bytes = 0;
  command.direction = channel::Direction::none;

  switch (r.operation) {
    case IoOperation::read:
    case IoOperation::write: {
      const bool write = r.operation == IoOperation::write;
      command.data_bytes = gather(r, piece, blocks * profile_.info.block_size);
      blocks = command.data_bytes / profile_.info.block_size;
      command.direction = write ? channel::Direction::to_target : channel::Direction::from_target;
      command.cdb = write ? scsi::write_blocks(
                                lba, blocks, r.force_unit_access && forces_unit_access(r, command.give_up_at))
                          : scsi::read_blocks(lba, blocks, false);
      break;
    }
    case IoOperation::flush:
      command.cdb = r.on_complete == &Unit::on_durable_step
                        ? scsi::synchronize_blocks(r.first_block, r.blocks)
                        : scsi::synchronize_cache10();
      break;
    case IoOperation::unmap: {
      if (r.force_unit_access) (void)forces_unit_access(r, command.give_up_at);
      const auto index = static_cast<std::size_t>(&piece - pieces_.data());
      auto* list = parameters_.data() + index * kUnmapListBytes;
      const scsi::UnmapRange range{lba, blocks};
      const auto bytes = scsi::encode_unmap_list(std::span(&range, 1),
                                                 {reinterpret_cast<std::uint8_t*>(list), kUnmapListBytes});
      SRPI_CHECK(bytes.has_value());
      command.cdb = scsi::unmap(static_cast<std::uint16_t>(*bytes));
      command.direction = channel::Direction::to_target;
      command.data_bytes = static_cast<std::uint32_t>(*bytes);
      piece.segments[0] = {list, command.data_bytes, lkey, rkey, parameters_memory_.get()};
      command.data = std::span(piece.segments, 1);
      break;
    }
    case IoOperation::write_zeroes: {
      if (r.force_unit_access) (void)forces_unit_access(r, command.give_up_at);
      auto* zeroes = parameters_.data() + pieces_.size() * kUnmapListBytes;
      command.cdb = scsi::write_same16(lba, blocks);
      command.direction = channel::Direction::to_target;
      command.data_bytes = profile_.info.block_size;
      piece.segments[0] = {zeroes, command.data_bytes, lkey, rkey, parameters_memory_.get()};
      command.data = std::span(piece.segments, 1);
      break;
    }
  }
  r.internal.issued_blocks += r.operation == IoOperation::flush ? 0 : blocks;
  ++r.internal.outstanding;
  nexus_.submit(command);
  return r.operation != IoOperation::flush && r.internal.issued_blocks < r.blocks;
}

}  // namespace srpi::lun
