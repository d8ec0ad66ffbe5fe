// SPDX-License-Identifier: Apache-2.0
// Makes a request's next command: blocks, bytes and CDB.
#include <algorithm>

#include "base/check.hpp"
#include "lun/unit.hpp"
#include "lun/unit_command.hpp"
#include "scsi/unmap.hpp"

namespace srpi::lun {

std::uint32_t Unit::max_blocks(IoOperation operation) const noexcept {
  switch (operation) {
    case IoOperation::unmap: return profile_.limits.max_unmap_blocks;
    case IoOperation::write_zeroes:
      if (!refuses_write_same_) return profile_.limits.max_write_same_blocks;
      return std::min(profile_.limits.max_transfer_blocks,
                      std::min(max_segments_, nexus_.channels().usable_segments()) *
                          (zero_bytes() / profile_.info.block_size));
    default: return profile_.limits.max_transfer_blocks;
  }
}

// Takes the next bytes of the request: at most max_bytes, and at most as many segments as a command carries.
// The result is whole blocks, because each segment and max_bytes are.
std::uint32_t Unit::gather(IoRequest& r, UnitCommand& c, std::uint32_t max_bytes) noexcept {
  auto& state = state_of(r);
  const auto most = std::min(max_segments_, nexus_.channels().usable_segments());
  std::uint32_t bytes = 0, count = 0;
  while (bytes < max_bytes && count < most && state.segment < r.data.size()) {
    const auto& s = r.data[state.segment];
    const auto take = std::min(s.bytes - state.segment_offset, max_bytes - bytes);
    c.segments[count++] = {s.address + state.segment_offset, take, s.memory->lkey(), s.memory->rkey(),
                           s.memory};
    bytes += take;
    state.segment_offset += take;
    if (state.segment_offset == s.bytes) {
      ++state.segment;
      state.segment_offset = 0;
    }
  }
  c.command.data = std::span(c.segments, count);
  return bytes;
}

void Unit::send_parameters(UnitCommand& c, std::byte* at, std::uint32_t bytes) noexcept {
  c.segments[0] = {at, bytes, parameters_memory_->lkey(), parameters_memory_->rkey(),
                   parameters_memory_.get()};
  c.command.data = std::span(c.segments, 1);
  c.command.data_bytes = bytes;
  c.command.direction = channel::Direction::to_target;
}

void Unit::make_unmap(UnitCommand& c, std::uint64_t lba, std::uint32_t blocks) noexcept {
  const auto index = static_cast<std::size_t>(&c - commands_.data());
  auto* list = parameters_.data() + index * kUnmapListBytes;
  const scsi::UnmapRange range{lba, blocks};
  const auto bytes =
      scsi::encode_unmap_list(std::span(&range, 1), {reinterpret_cast<std::uint8_t*>(list), kUnmapListBytes});
  SRPI_CHECK(bytes.has_value());
  c.command.cdb = scsi::unmap(static_cast<std::uint16_t>(*bytes));
  send_parameters(c, list, static_cast<std::uint32_t>(*bytes));
}

void Unit::make_write_zeroes(UnitCommand& c, std::uint64_t lba, std::uint32_t blocks) noexcept {
  c.command.cdb = scsi::write_same16(lba, blocks);
  send_parameters(c, parameters_.data() + commands_.size() * kUnmapListBytes, profile_.info.block_size);
}

// Sends the request's next command. Returns false if nothing is left to send, or the rest may not be sent.
bool Unit::issue_next(IoRequest& r, UnitCommand& c, base::Time now) noexcept {
  auto& state = state_of(r);
  auto& command = c.command;
  const auto lba = r.first_block + state.issued_blocks;
  const auto left = r.blocks - state.issued_blocks;
  auto blocks = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, max_blocks(state.operation)));
  if (state.operation == IoOperation::unmap && refuses_unmap_) {
    free_.push_back(&c);
    return false;
  }
  if (blocks == 0 && state.operation != IoOperation::flush) {
    // The unit supported the operation when the request was submitted, but does not any more.
    r.status = Errc::not_supported;
    free_.push_back(&c);
    return false;
  }
  c.request = &r;
  c.budget = {};
  command.deadline = now + options_.command_timeout;
  command.give_up_at = command.deadline + options_.fast_io_fail;
  command.data = {};
  command.data_bytes = 0;
  command.direction = channel::Direction::none;
  const auto forced = [&] { return r.force_unit_access && forces_unit_access(r, command.give_up_at); };

  switch (state.operation) {
    case IoOperation::read:
      command.data_bytes = gather(r, c, blocks * profile_.info.block_size);
      command.direction = channel::Direction::from_target;
      blocks = command.data_bytes / profile_.info.block_size;
      command.cdb = scsi::read_blocks(lba, blocks, false);
      break;
    case IoOperation::write:
      command.data_bytes = gather(r, c, blocks * profile_.info.block_size);
      command.direction = channel::Direction::to_target;
      blocks = command.data_bytes / profile_.info.block_size;
      command.cdb = scsi::write_blocks(lba, blocks, forced());
      break;
    case IoOperation::flush:
      command.cdb = state.phase == Phase::forced_flush ? scsi::synchronize_blocks(r.first_block, r.blocks)
                                                       : scsi::synchronize_cache10();
      break;
    case IoOperation::unmap:
      (void)forced();
      make_unmap(c, lba, blocks);
      break;
    case IoOperation::write_zeroes:
      (void)forced();
      if (refuses_write_same_)
        make_zero_write(c, lba, blocks);
      else
        make_write_zeroes(c, lba, blocks);
      break;
  }
  ++state.outstanding;
  nexus_.submit(command);
  if (state.operation == IoOperation::flush) return false;
  state.issued_blocks += blocks;
  return state.issued_blocks < r.blocks;
}

}  // namespace srpi::lun
