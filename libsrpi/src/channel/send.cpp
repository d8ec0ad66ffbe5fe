// SPDX-License-Identifier: Apache-2.0
// Sending: encodes commands as SRP_CMD units in their slots and posts them in batches.
#include <algorithm>

#include "base/check.hpp"
#include "base/make_error.hpp"
#include "channel/channel.hpp"
#include "channel/layout.hpp"
#include "wire/command.hpp"

namespace srpi::channel {

bool Channel::can_post() const noexcept {
  return credits_.for_command() && slots_.used() < limits_.queue_depth &&
         send_queue_.has_room(kAnswerSlots + kTmfSlots + 1);
}

bool Channel::can_send_keepalive() const noexcept {
  return started_ && !failure_ && credits_.for_task_management() && !active_tmf_ && waiting_tmfs_.empty() &&
         !blocked_lun_ && !slots_.full() && send_queue_.has_room(kAnswerSlots + kTmfSlots);
}

void Channel::submit_keepalive(Command& command) noexcept {
  submit(command);
  if (!can_send_keepalive()) return;
  pending_.erase(command);
  prepare(command);
  post();
}

bool Channel::has_sendable() const noexcept {
  return started_ && !failure_ && !pending_.empty() && can_post();
}

void Channel::flush() noexcept {
  if (!started_ || failure_) return;
  while (!pending_.empty() && can_post()) {
    auto& command = *pending_.pop_front();
    if (command.lun == blocked_lun_) {
      blocked_.push_back(command);
      continue;
    }
    prepare(command);
    if (batch_.count == kPostBatch) post();
    if (failure_) return;
  }
  post();
  start_tmf();
}

void Channel::prepare(Command& command) noexcept {
  const auto slot = slots_.take(&command);
  command.internal.slot = slot;
  credits_.spend();
  insert_by_deadline(in_flight_, command);
  ++counters_.commands;

  wire::Command unit;
  unit.tag = slots_.handle(slot);
  unit.lun = command.lun;
  unit.cdb = std::as_bytes(std::span(command.cdb.bytes));

  auto& sges = batch_.sges[batch_.count];
  auto& work = batch_.work[batch_.count];
  const auto buffer = buffers_.send_slot(slot);
  std::array<wire::DirectDescriptor, 256> descriptors;
  const auto segments = static_cast<std::uint32_t>(command.data.size());
  SRPI_CHECK(segments <= limits_.segments);

  const bool immediate = terms_.immediate_data && command.direction == Direction::to_target &&
                         segments == 1 &&
                         wire::kImmediateDataOffset + command.data_bytes <= terms_.max_it_iu_bytes;
  if (command.direction != Direction::none) {
    wire::DataBuffer data;
    data.bytes = command.data_bytes;
    if (immediate) {
      data.format = wire::DataFormat::immediate;
    } else {
      for (std::uint32_t i = 0; i < segments; ++i) {
        const auto& s = command.data[i];
        descriptors[i] = {reinterpret_cast<std::uintptr_t>(s.address), s.rkey, s.bytes};
      }
      data.descriptors = std::span(descriptors.data(), segments);
      data.format = segments == 1 ? wire::DataFormat::direct : wire::DataFormat::indirect;
    }
    (command.direction == Direction::to_target ? unit.data_out : unit.data_in) = data;
  }
  const auto bytes = static_cast<std::uint32_t>(wire::encode(unit, buffer));

  sges[0] = {buffer.data(), bytes, buffers_.lkey()};
  work = {};
  work.sges = std::span(sges.data(), 1);
  if (immediate) {
    sges[1] = {command.data[0].address, command.data_bytes, command.data[0].lkey};
    work.sges = std::span(sges.data(), 2);
  } else {
    work.inlined = bytes <= endpoint_->inline_bytes();
  }
  send_queue_.add(work);
  ++batch_.count;
}

void Channel::post() noexcept {
  if (batch_.count == 0) return;
  if (auto done = endpoint_->post_send(std::span(batch_.work.data(), batch_.count)); !done)
    fail(base::error_of(done));
  batch_.count = 0;
}

void Channel::answer(std::span<const std::byte> unit) noexcept {
  SRPI_CHECK(unit.size() <= kInlineBytes);
  const auto slot = command_slots(limits_) + static_cast<std::uint32_t>(answers_++ % kAnswerSlots);
  if (!send_queue_.has_room()) {
    fail(base::make_error(Errc::protocol_error, "the target sends requests faster than our answers leave"));
    return;
  }
  std::ranges::copy(unit, buffers_.send_slot(slot).begin());
  post_alone(slot, unit.size());
}

// Answers and functions are rare, so their sends are signaled. That also frees the entries of earlier
// commands.
void Channel::post_alone(std::uint32_t slot, std::size_t bytes) noexcept {
  const fabric::Sge sge{buffers_.send_slot(slot).data(), static_cast<std::uint32_t>(bytes), buffers_.lkey()};
  fabric::SendWork work;
  work.sges = std::span(&sge, 1);
  work.inlined = bytes <= endpoint_->inline_bytes();
  send_queue_.add_signaled(work);
  if (auto done = endpoint_->post_send(std::span(&work, 1)); !done) fail(base::error_of(done));
}

}  // namespace srpi::channel
