// SPDX-License-Identifier: Apache-2.0
// Transfers the data of commands: RDMA WRITE for data-in, RDMA READ for data-out. Each descriptor needs one
// work request. As many are posted at a time as the send queue has room for.
//
// Data-in needs no completion: the answer follows the RDMA WRITEs in the same queue pair and arrives after
// them. Data-out ends with the completion of the last RDMA READ.
#include <algorithm>
#include <cstring>

#include "target/channel.hpp"
#include "target/nexus.hpp"

namespace srpi::target {

namespace {
constexpr std::uint32_t kMaxMessageBytes = 1u << 30;
}

void Channel::start_move(std::uint32_t slot, bool data_out, std::byte* memory, std::uint32_t lkey,
                         std::uint32_t data_bytes) {
  Slot& s = slots_[slot];
  const wire::ReceivedBuffer& buffer = data_out ? s.command.data_out : s.command.data_in;
  s.data_out = data_out;
  s.memory = memory;
  s.lkey = lkey;
  s.data_bytes = data_bytes;
  s.to_move = std::min(data_bytes, buffer.bytes);
  s.moved = 0;
  // A write whose buffer is too small is refused. The residual says how much is missing.
  if (data_out && buffer.bytes < data_bytes)
    return refuse(slot, scsi::SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
  if (s.to_move == 0) return data_out ? finish_data_out(slot) : answer(slot, scsi::Status::good);
  if (buffer.format == wire::DataFormat::immediate) {
    std::memcpy(memory, buffer.immediate.data(), s.to_move);
    s.moved = s.to_move;
    return finish_data_out(slot);
  }
  if (buffer.partial_table()) return fetch_table(slot);
  go_on_with(slot, buffer.descriptors);
}

void Channel::go_on_with(std::uint32_t slot, wire::DescriptorView descriptors) {
  Slot& s = slots_[slot];
  s.descriptors = descriptors;
  s.descriptor = 0;
  s.descriptor_used = 0;
  std::uint64_t room_bytes = 0;
  for (std::size_t i = 0; i < descriptors.size() && room_bytes < s.to_move; ++i)
    room_bytes += descriptors[i].bytes;
  if (room_bytes < s.to_move)  // the descriptors have less than the stated length
    return refuse(slot, scsi::SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
  move(slot);
}

void Channel::fetch_table(std::uint32_t slot) {
  Slot& s = slots_[slot];
  const wire::DirectDescriptor table = (s.data_out ? s.command.data_out : s.command.data_in).table;
  if (table.bytes > kTableBytes || table.bytes % wire::kDescriptorBytes != 0)
    return refuse(slot, scsi::SenseKey::illegal_request, scsi::kInvalidFieldInCdb);
  s.stage = Slot::Stage::fetching_table;
  if (room() == 0) return stall(slot);
  auto& work = add_work(Sent::table, slot);
  work.opcode = fabric::SendOpcode::rdma_read;
  work.remote_address = table.address;
  work.rkey = table.key;
  work.signaled = true;
  signaled_ = posted_;
  batch_sges_[batch_.size() - 1] = {table_buffer(slot), table.bytes, buffers_region_->lkey()};
  s.work_posted = true;
}

void Channel::on_table(std::uint32_t slot) {
  Slot& s = slots_[slot];
  s.work_posted = false;
  if (s.aborted_by != 0) return forget(slot);
  if (closing_) return;
  const wire::DirectDescriptor table = (s.data_out ? s.command.data_out : s.command.data_in).table;
  go_on_with(slot, wire::DescriptorView({table_buffer(slot), table.bytes}));
}

void Channel::move(std::uint32_t slot) {
  Slot& s = slots_[slot];
  s.stage = Slot::Stage::moving;
  if (room() == 0) return stall(slot);
  while (s.moved < s.to_move && room() > 0) {
    const wire::DirectDescriptor descriptor = s.descriptors[s.descriptor];
    const std::uint32_t bytes =
        std::min({descriptor.bytes - s.descriptor_used, s.to_move - s.moved, kMaxMessageBytes});
    if (bytes == 0) {
      ++s.descriptor;
      s.descriptor_used = 0;
      continue;
    }
    auto& work = add_work(Sent::other, slot);
    work.opcode = s.data_out ? fabric::SendOpcode::rdma_read : fabric::SendOpcode::rdma_write;
    work.remote_address = descriptor.address + s.descriptor_used;
    work.rkey = descriptor.key;
    batch_sges_[batch_.size() - 1] = {s.memory + s.moved, bytes, s.lkey};
    s.moved += bytes;
    s.descriptor_used += bytes;
  }
  const bool all = s.moved == s.to_move;
  if (all && !s.data_out && room() > 0) {
    target_.counters_.bytes_read += s.moved;
    return answer(slot, scsi::Status::good);
  }
  // The completion finishes the transfer, or continues it when there is room again.
  auto& last = batch_.back();
  last.id |= std::uint64_t{static_cast<unsigned>(Sent::move)} << 60;
  last.signaled = true;
  signaled_ = posted_;
  s.work_posted = true;
}

void Channel::on_moved(std::uint32_t slot) {
  Slot& s = slots_[slot];
  s.work_posted = false;
  if (s.aborted_by != 0) return forget(slot);
  if (closing_) return;
  if (s.moved < s.to_move) return move(slot);
  if (s.data_out) return finish_data_out(slot);
  target_.counters_.bytes_read += s.moved;
  answer(slot, scsi::Status::good);
}

}  // namespace srpi::target
