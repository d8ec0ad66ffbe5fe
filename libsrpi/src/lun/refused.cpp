// SPDX-License-Identifier: Apache-2.0
// A unit that offers UNMAP or WRITE SAME and refuses it. Clients may have been told of the offer, so their requests
// still succeed: an unmap without an effect, because it is a hint; write_zeroes by writes of zeroes. From the next
// connect of a client on, it is not offered any more.
//
// A request whose WRITE SAME is refused begins again when its other commands have ended.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lun/unit.hpp"
#include "lun/unit_command.hpp"

namespace srpi::lun {
namespace {

constexpr std::uint32_t kZeroBytes = 16384;  // of one segment, at least a block

}  // namespace

std::uint32_t Unit::zero_bytes() const noexcept { return std::max(kZeroBytes, profile_.info.block_size); }

// 05/20/00 is not_supported; 05/24/00 and 05/26/00 are illegal_request. Returns true if the command need not succeed.
bool Unit::does_without(UnitCommand& c, Errc error) noexcept {
  if (error != Errc::not_supported && error != Errc::illegal_request) return false;
  auto& phase = state_of(*c.request).phase;
  switch (c.command.cdb.opcode()) {
    case scsi::Opcode::unmap:
      note_refused(refuses_unmap_, "UNMAP, which it offers: trims have no effect");
      return true;
    case scsi::Opcode::write_same_16:
      note_refused(refuses_write_same_, "WRITE SAME, which it offers: zeroes are written as data");
      if (phase == Phase::plain) phase = Phase::zeroes_again;
      if (phase == Phase::forced) phase = Phase::forced_zeroes_again;
      return true;
    default: return false;
  }
}

// After the proof, the unit's properties are without the offer, and the observer learns of it.
void Unit::note_refused(bool& refuses, const char* what) noexcept {
  if (std::exchange(refuses, true)) return;
  nexus_.doubt_units();
  try {
    if (options_.log)
      options_.log(LogLevel::warning, fmt::format("LUN {} refuses {}", profile_.info.lun, what));
  } catch (const std::bad_alloc&) {
  }
}

// Called when all commands of the request have ended. Returns true if it is queued again.
bool Unit::zeroes_go_on(IoRequest& r) noexcept {
  auto& state = state_of(r);
  const auto phase = state.phase == Phase::zeroes_again ? Phase::plain : Phase::forced;
  state.phase = phase;
  if (r.status == Errc::ok && state.aborted) r.status = Errc::cancelled;
  if (r.status != Errc::ok || !may_get_work()) return false;
  begin_again(state, phase, IoOperation::write_zeroes);
  queue_.push(r);
  return true;
}

// Each segment names the same zeroes.
void Unit::make_zero_write(UnitCommand& c, std::uint64_t lba, std::uint32_t blocks) noexcept {
  auto* const zeroes = parameters_.data() + commands_.size() * kUnmapListBytes;
  auto left = blocks * profile_.info.block_size;
  std::uint32_t count = 0;
  c.command.data_bytes = left;
  for (; left > 0; ++count) {
    const auto bytes = std::min(left, zero_bytes());
    c.segments[count] = {zeroes, bytes, parameters_memory_->lkey(), parameters_memory_->rkey(),
                         parameters_memory_.get()};
    left -= bytes;
  }
  c.command.data = std::span(c.segments, count);
  c.command.direction = channel::Direction::to_target;
  c.command.cdb = scsi::write_blocks(lba, blocks, false);
}

}  // namespace srpi::lun
