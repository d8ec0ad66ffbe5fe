// SPDX-License-Identifier: Apache-2.0
// Executes SCSI commands: the checks in the order of precedence of SPC-4 and SBC-3, then the data, then the
// answer.
#include <algorithm>
#include <cstring>

#include "scsi/unmap.hpp"
#include "target/channel.hpp"
#include "target/nexus.hpp"
#include "wire/unit.hpp"

namespace srpi::target {

using scsi::Operation;
using scsi::SenseKey;
using scsi::Status;

namespace {

scsi::Bytes as_scsi(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// The reason of the SRP_T_LOGOUT for a command unit that cannot be decoded.
wire::LogoutReason reason_for(std::span<const std::byte> unit) {
  if (unit.size() < wire::kCommandBytes) return wire::LogoutReason::invalid_unit_length;
  const auto formats = wire::overlay<wire::layout::Command>(unit).formats;
  if (formats >> 4 > 2) return wire::LogoutReason::unsupported_data_out_format;
  if ((formats & 0xf) > 2) return wire::LogoutReason::unsupported_data_in_format;
  return wire::LogoutReason::invalid_unit_length;
}

}  // namespace

void Channel::on_command(std::uint32_t slot, std::span<const std::byte> unit) {
  auto command = wire::decode_command(unit, immediate_data_offset_);
  if (!command) return violation(reason_for(unit));
  if (++outstanding_ > request_limit_) return violation(wire::LogoutReason::none);
  Slot& s = slots_[slot];
  s.command = *command;
  s.tag = command->tag;
  s.notify = command->notify;
  s.lose_response = s.hold_medium = s.cache_lost = false;
  s.has_sense = false;
  s.data_out = false;
  s.data_bytes = s.to_move = s.moved = 0;
  s.order = ++target_.counters_.commands;
  if (!target_.hook_) return start(slot);
  apply(slot, target_.hook_({.sequence = s.order,
                             .channel = number_,
                             .initiator = nexus_.initiator,
                             .tag = s.tag,
                             .lun = s.command.lun,
                             .cdb = s.command.cdb}));
}

void Channel::apply(std::uint32_t slot, const Outcome& outcome) {
  Slot& s = slots_[slot];
  switch (outcome.kind) {
    case Outcome::Kind::normal: return start(slot);
    case Outcome::Kind::status:
      s.has_sense = outcome.sense.has_value();
      if (outcome.sense) s.sense = *outcome.sense;
      return answer(slot, outcome.status);
    case Outcome::Kind::lose_command: s.stage = Slot::Stage::unanswered; return;
    case Outcome::Kind::lose_response: s.lose_response = true; return start(slot);
    case Outcome::Kind::hold: s.stage = Slot::Stage::held; return;
    case Outcome::Kind::hold_medium: {
      const auto cdb = scsi::decode_cdb(as_scsi(s.command.cdb));
      s.hold_medium = cdb && cdb->operation == Operation::write;
      if (s.hold_medium) return start(slot);
      s.stage = Slot::Stage::held;
      return;
    }
    case Outcome::Kind::answer:
      send_raw(outcome.unit);
      --outstanding_;  // the hook's answer decides about the credit
      return receive_again(slot);
    case Outcome::Kind::bend:
      bend_ = &outcome.bend;
      start(slot);
      bend_ = nullptr;
      return;
  }
}

void Channel::release(std::uint32_t slot) {
  if (slots_[slot].stage == Slot::Stage::held && usable()) start(slot);
}

void Channel::take_up(std::uint32_t slot) {
  slots_[slot].stage == Slot::Stage::hung ? start(slot) : target_.carry_out(*this, slot);
}

void Channel::start(std::uint32_t slot) {
  Slot& s = slots_[slot];
  auto cdb = scsi::decode_cdb(as_scsi(s.command.cdb));
  s.unit = target_.unit_at(s.command.lun);
  if (!s.unit) return start_without_unit(slot, cdb);
  if (s.unit->hangs()) {
    s.stage = Slot::Stage::hung;
    return;
  }
  if (!cdb) {
    if (report_attention(slot)) return;
    return refuse(slot, scsi::refusal_of(cdb.error()));
  }
  s.cdb = *cdb;
  // Data in both directions needs a bidirectional command (SPC-4 4.2.5.7), and we have none.
  if (s.command.data_out.bytes != 0 && s.command.data_in.bytes != 0)
    return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInCdb);

  switch (s.cdb.operation) {  // these work in spite of a pending unit attention (SAM-5 5.14.3)
    case Operation::inquiry:
    case Operation::report_luns:
    case Operation::request_sense: break;
    default:
      if (report_attention(slot)) return;
  }
  switch (s.cdb.operation) {
    case Operation::test_unit_ready: return answer(slot, Status::good);
    case Operation::read:
    case Operation::write:
    case Operation::synchronize_cache: return start_block_io(slot);
    case Operation::write_same:
    case Operation::unmap: return start_parameter_out(slot);
    case Operation::request_sense: {
      auto& pending = nexus_.attentions[s.unit->index()];
      auto sense = pending.empty() ? scsi::make_sense(SenseKey::no_sense, scsi::kNoAdditionalSense)
                                   : scsi::make_sense(SenseKey::unit_attention, pending.take());
      sense.descriptor_format = s.cdb.descriptor_format;
      return reply(slot, scsi::encode(sense).span(), s.cdb.allocation_bytes);
    }
    case Operation::report_luns: {
      for (auto& attentions : nexus_.attentions) attentions.clear(scsi::kReportedLunsDataChanged);
      return reply(slot, target_.report_luns(s.cdb.select_report), s.cdb.allocation_bytes);
    }
    case Operation::inquiry:
    case Operation::read_capacity_10:
    case Operation::read_capacity_16:
    case Operation::mode_sense_6:
    case Operation::mode_sense_10: {
      const auto data = s.unit->describe(s.cdb);
      if (!data) return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
      const bool has_allocation = s.cdb.operation != Operation::read_capacity_10;
      return reply(slot, *data,
                   has_allocation ? s.cdb.allocation_bytes : static_cast<std::uint32_t>(data->size()));
    }
  }
}

// At a LUN without a unit, three commands still work (SAM-5 4.7.4, SPC-4 6.6, 6.33, 6.39).
void Channel::start_without_unit(std::uint32_t slot, const Result<scsi::DecodedCdb>& cdb) {
  const auto missing = scsi::make_sense(SenseKey::illegal_request, scsi::kLogicalUnitNotSupported);
  if (!cdb) return refuse(slot, missing);
  slots_[slot].cdb = *cdb;
  switch (cdb->operation) {
    case Operation::inquiry:
      if (cdb->evpd || cdb->page != 0)
        return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
      return reply(slot, describe_nothing(), cdb->allocation_bytes);
    case Operation::report_luns:
      return reply(slot, target_.report_luns(cdb->select_report), cdb->allocation_bytes);
    case Operation::request_sense: return reply(slot, scsi::encode(missing).span(), cdb->allocation_bytes);
    default: return refuse(slot, missing);
  }
}

bool Channel::report_attention(std::uint32_t slot) {
  auto& pending = nexus_.attentions[slots_[slot].unit->index()];
  if (pending.empty()) return false;
  refuse(slot, SenseKey::unit_attention, pending.take());
  return true;
}

void Channel::start_block_io(std::uint32_t slot) {
  Slot& s = slots_[slot];
  const auto& cdb = s.cdb;
  const Disk& disk = s.unit->disk();
  const bool write = cdb.operation == Operation::write;
  if (write && s.unit->read_only()) return refuse(slot, SenseKey::data_protect, scsi::kWriteProtected);
  if (cdb.fua && !s.unit->force_unit_access())
    return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
  if (!disk.contains(cdb.lba, cdb.blocks))
    return refuse(slot, SenseKey::illegal_request, scsi::kLbaOutOfRange);
  if (cdb.operation == Operation::synchronize_cache) {
    s.unit->disk().flush(cdb.lba, cdb.blocks != 0 ? cdb.blocks : disk.blocks() - cdb.lba);
    return answer(slot, Status::good);
  }
  const std::uint64_t bytes = std::uint64_t{cdb.blocks} * disk.block_size();
  const auto limit = target_.config_.max_transfer_bytes;
  if ((limit != 0 && bytes > limit) || bytes > 0xffffffffu)
    return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
  const auto data_bytes = static_cast<std::uint32_t>(bytes);
  std::byte* memory = disk.at(cdb.lba);
  std::uint32_t lkey = memory_.disks[s.unit->index()]->lkey();
  if (!write) return start_move(slot, false, memory, lkey, data_bytes);
  if (s.hold_medium && s.command.data_out.bytes >= data_bytes) {
    s.held_write = target_.hold_write(*this, slot, data_bytes);
    if (!s.held_write) return refuse(slot, SenseKey::hardware_error, scsi::kInternalTargetFailure);
    memory = s.held_write->data.data();
    lkey = s.held_write->region->lkey();
  }
  start_move(slot, true, memory, lkey, data_bytes);
}

// Starts a command whose data-out is a parameter list or one block.
void Channel::start_parameter_out(std::uint32_t slot) {
  Slot& s = slots_[slot];
  const auto& cdb = s.cdb;
  if (s.unit->read_only()) return refuse(slot, SenseKey::data_protect, scsi::kWriteProtected);
  const Disk& disk = s.unit->disk();
  std::uint32_t bytes = cdb.allocation_bytes;
  if (cdb.operation == Operation::write_same) {
    if (!disk.contains(cdb.lba, cdb.blocks))
      return refuse(slot, SenseKey::illegal_request, scsi::kLbaOutOfRange);
    const std::uint64_t blocks = cdb.blocks != 0 ? cdb.blocks : disk.blocks() - cdb.lba;
    if (blocks > LogicalUnit::kMaxUnmapBlocks)
      return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
    bytes = cdb.no_data_out ? 0 : disk.block_size();
  } else if (bytes > kParameterBytes) {
    return refuse(slot, SenseKey::illegal_request, scsi::kParameterListLengthError);
  }
  start_move(slot, true, parameter_buffer(slot), buffers_region_->lkey(), bytes);
}

void Channel::reply(std::uint32_t slot, std::span<const std::uint8_t> data, std::uint32_t allocation_bytes) {
  std::vector<std::uint8_t> bent;
  if (bend_) {
    bent.assign(data.begin(), data.end());
    (*bend_)(bent);
    data = bent;
  }
  const auto bytes = static_cast<std::uint32_t>(
      std::min<std::size_t>({data.size(), allocation_bytes, std::size_t{kParameterBytes}}));
  if (bytes != 0) std::memcpy(parameter_buffer(slot), data.data(), bytes);
  start_move(slot, false, parameter_buffer(slot), buffers_region_->lkey(), bytes);
}

void Channel::finish_data_out(std::uint32_t slot) {
  Slot& s = slots_[slot];
  switch (s.cdb.operation) {
    case Operation::write:
      target_.counters_.bytes_written += s.moved;
      if (s.held_write) {
        s.held_write->complete = true;
        s.stage = Slot::Stage::held_medium;
        return;
      }
      s.unit->disk().written(s.cdb.lba, s.cdb.blocks, s.cdb.fua);
      if (s.cache_lost) return refuse(slot, SenseKey::aborted_command, scsi::kNoAdditionalSense);
      return answer(slot, Status::good);
    case Operation::write_same: return finish_write_same(slot);
    case Operation::unmap: return finish_unmap(slot);
    default: return answer(slot, Status::good);
  }
}

void Channel::complete_held_write(std::uint32_t slot) {
  slots_[slot].held_write = nullptr;
  answer(slot, Status::good);
}

void Channel::finish_write_same(std::uint32_t slot) {
  const Slot& s = slots_[slot];
  Disk& disk = s.unit->disk();
  const std::uint64_t blocks = s.cdb.blocks != 0 ? s.cdb.blocks : disk.blocks() - s.cdb.lba;
  const std::byte* block = parameter_buffer(slot);
  // Zeroes are unmapped, with or without the UNMAP bit. Other data is written, also with the UNMAP bit (SBC-3
  // 5.42).
  const bool zeroes = s.cdb.no_data_out || std::all_of(block, block + disk.block_size(),
                                                       [](std::byte b) { return b == std::byte{0}; });
  if (zeroes)
    disk.discard(s.cdb.lba, blocks);
  else
    disk.fill(s.cdb.lba, blocks, block);
  answer(slot, Status::good);
}

void Channel::finish_unmap(std::uint32_t slot) {
  const Slot& s = slots_[slot];
  if (s.moved == 0) return answer(slot, Status::good);
  const auto ranges = scsi::decode_unmap_list(as_scsi({parameter_buffer(slot), s.moved}));
  if (!ranges || ranges->size() > LogicalUnit::kMaxUnmapDescriptors)
    return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInParameterList);
  Disk& disk = s.unit->disk();
  std::uint64_t blocks = 0;
  for (const auto& range : *ranges) {
    if (!disk.contains(range.lba, range.blocks))
      return refuse(slot, SenseKey::illegal_request, scsi::kLbaOutOfRange);
    blocks += range.blocks;
  }
  if (blocks > LogicalUnit::kMaxUnmapBlocks)
    return refuse(slot, SenseKey::illegal_request, scsi::kInvalidFieldInParameterList);
  for (const auto& range : *ranges) disk.discard(range.lba, range.blocks);
  answer(slot, Status::good);
}

}  // namespace srpi::target
