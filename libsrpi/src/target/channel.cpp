// SPDX-License-Identifier: Apache-2.0
#include "target/channel.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "target/nexus.hpp"
#include "wire/async_event.hpp"
#include "wire/credit.hpp"
#include "wire/opcode.hpp"

namespace srpi::target {

namespace {

// The id of a completion consists of kind, slot and position in the send queue.
constexpr std::uint64_t make_id(unsigned kind, std::uint32_t slot, std::uint64_t position) {
  return std::uint64_t{kind} << 60 | std::uint64_t{slot} << 44 | (position & 0xfff'ffff'ffff);
}
constexpr unsigned kind_of(std::uint64_t id) { return static_cast<unsigned>(id >> 60); }
constexpr std::uint32_t slot_of(std::uint64_t id) { return static_cast<std::uint32_t>(id >> 44) & 0xffff; }
constexpr std::uint64_t position_of(std::uint64_t id) { return id & 0xfff'ffff'ffff; }

}  // namespace

Channel::Channel(RamTarget& target, ChannelNumber number, Nexus& nexus, DeviceMemory& memory,
                 std::unique_ptr<fabric::PassiveEndpoint> endpoint)
    : target_(target), number_(number), nexus_(nexus), memory_(memory), endpoint_(std::move(endpoint)) {
  ++nexus_.channels;
}

Channel::~Channel() {
  end();
  --nexus_.channels;
}

Result<> Channel::prepare(const wire::LoginRequest& request, const wire::LoginResponse& response) {
  request_limit_ = target_.config_.request_limit;
  max_receive_bytes_ = target_.config_.max_iu_bytes;
  max_initiator_iu_bytes_ = request.requested_it_iu_bytes;
  immediate_data_offset_ = response.immediate_data ? request.immediate_data_offset : 0;
  const std::uint32_t slots = request_limit_ + kSpareReceives;
  send_depth_ = 2 * request_limit_ + 256;

  fabric::QueueLimits limits;
  limits.send_depth = send_depth_;
  limits.receive_depth = slots;
  limits.send_sges = 1;
  limits.inline_bytes = kInlineBytes;
  if (auto created = endpoint_->create_queues(limits); !created) return created.error();
  if (endpoint_->inline_bytes() < kInlineBytes)
    return Error{Errc::not_supported, fmt::format("{} inline bytes; the target needs {}",
                                                  endpoint_->inline_bytes(), kInlineBytes)};

  auto buffers = Mapping::create(std::size_t{slots} * (max_receive_bytes_ + kTableBytes + kParameterBytes));
  if (!buffers) return buffers.error();
  buffers_ = std::move(*buffers);
  auto region = memory_.device->register_memory(buffers_.bytes(), fabric::Access::local);
  if (!region) return region.error();
  buffers_region_ = std::move(*region);

  slots_.resize(slots);
  batch_.reserve(send_depth_);
  batch_sges_.resize(send_depth_);
  batch_units_.resize(send_depth_);
  receives_.reserve(slots);
  stalled_.reserve(slots);
  for (std::uint32_t i = 0; i < slots; ++i) receive_again(i);
  auto posted = endpoint_->post_receive(receives_);
  receives_.clear();
  return posted;
}

std::span<std::byte> Channel::receive_buffer(std::uint32_t slot) const noexcept {
  return buffers_.bytes().subspan(std::size_t{slot} * max_receive_bytes_, max_receive_bytes_);
}
std::byte* Channel::table_buffer(std::uint32_t slot) const noexcept {
  return buffers_.bytes().data() + slots_.size() * max_receive_bytes_ + std::size_t{slot} * kTableBytes;
}
std::byte* Channel::parameter_buffer(std::uint32_t slot) const noexcept {
  return buffers_.bytes().data() + slots_.size() * (max_receive_bytes_ + kTableBytes) +
         std::size_t{slot} * kParameterBytes;
}

std::size_t Channel::poll() {
  if (ended_) return 0;
  const std::size_t n = endpoint_->poll(completions_);
  for (std::size_t i = 0; i < n && !ended_; ++i) on_completion(completions_[i]);
  if (!stalled_.empty() && !ended_) run_stalled();
  flush();
  // Events are rare, and looking for them may cost a system call. So look only when there is nothing else to
  // do.
  return n + (n == 0 || !established_ ? take_events() : 0);
}

std::size_t Channel::take_events() {
  std::size_t n = 0;
  while (!ended_) {
    const auto event = endpoint_->next_event();
    if (!event) break;
    ++n;
    if (event->kind == fabric::ConnectionEvent::Kind::established) {
      established_ = true;
    } else {
      ++target_.counters_.lost_channels;
      end();
    }
  }
  return n;
}

void Channel::on_completion(const fabric::Completion& completion) {
  if (completion.status != fabric::WorkStatus::success) {
    ++target_.counters_.lost_channels;
    end();
    return;
  }
  if (!completion.receive) return on_sent(completion.id);
  established_ = true;  // a unit may arrive before the connection manager's event
  const auto slot = static_cast<std::uint32_t>(completion.id);
  on_unit(slot, receive_buffer(slot).first(completion.bytes));
}

void Channel::on_sent(std::uint64_t id) {
  // The id has only the low 44 bits of the position, which is enough to tell how far it is behind.
  retired_ = posted_ - ((posted_ - position_of(id)) & 0xfff'ffff'ffff) + 1;
  if (!stalled_.empty()) run_stalled();
  switch (static_cast<Sent>(kind_of(id))) {
    case Sent::other: return;
    case Sent::table: return on_table(slot_of(id));
    case Sent::move: return on_moved(slot_of(id));
    case Sent::logout: return end();
  }
}

void Channel::on_unit(std::uint32_t slot, std::span<const std::byte> unit) {
  if (closing_) return receive_again(slot);
  const auto opcode = unit.empty() ? wire::Opcode::response : static_cast<wire::Opcode>(unit[0]);
  switch (opcode) {
    case wire::Opcode::command: return on_command(slot, unit);
    case wire::Opcode::task_management: {
      const auto function = wire::decode_task_management(unit);
      if (!function) return violation(wire::LogoutReason::invalid_unit_length);
      if (++outstanding_ > request_limit_) return violation(wire::LogoutReason::none);
      slots_[slot].function = *function;
      slots_[slot].tag = function->tag;
      slots_[slot].notify = function->notify;
      return target_.start_function(*this, slot);
    }
    case wire::Opcode::initiator_logout:
      if (!wire::decode_initiator_logout(unit)) return violation(wire::LogoutReason::invalid_unit_length);
      return end();
    case wire::Opcode::credit_response: {
      const auto answer = wire::decode_credit_response(unit);
      if (!answer) return violation(wire::LogoutReason::invalid_unit_length);
      return on_answer(true, answer->tag, slot);
    }
    case wire::Opcode::async_event_response: {
      const auto answer = wire::decode_async_event_response(unit);
      if (!answer) return violation(wire::LogoutReason::invalid_unit_length);
      return on_answer(false, answer->tag, slot);
    }
    default:
      return violation(unit.empty() ? wire::LogoutReason::invalid_unit_length
                                    : wire::LogoutReason::invalid_unit_type);
  }
}

void Channel::on_answer(bool credit, std::uint64_t tag, std::uint32_t slot) {
  if (unanswered_request_ != credit || tag != request_tag_)
    return violation(wire::LogoutReason::unexpected_initiator_response);
  ++target_.counters_.target_answers;
  unanswered_request_.reset();
  receive_again(slot);
  next_request();
}

void Channel::violation(wire::LogoutReason reason) {
  ++target_.counters_.violations;
  log_out(reason);
}

void Channel::receive_again(std::uint32_t slot) {
  slots_[slot].stage = Slot::Stage::receiving;
  slots_[slot].result.reset();
  receives_.push_back(
      {.id = slot, .sge = {receive_buffer(slot).data(), max_receive_bytes_, buffers_region_->lkey()}});
}

// Precondition: room() > 0.
fabric::SendWork& Channel::add_work(Sent kind, std::uint32_t slot) {
  const std::size_t i = batch_.size();
  auto& work = batch_.emplace_back();
  work.id = make_id(static_cast<unsigned>(kind), slot, posted_++);
  work.sges = {&batch_sges_[i], 1};
  return work;
}

std::span<std::byte> Channel::add_unit(Sent kind, bool signaled, std::uint32_t slot) {
  auto& unit = batch_units_[batch_.size()];
  auto& work = add_work(kind, slot);
  work.inlined = true;
  // One signaled send per quarter of the queue frees the slots before it.
  work.signaled = signaled || posted_ - signaled_ >= send_depth_ / 4;
  if (work.signaled) signaled_ = posted_;
  return unit;
}

void Channel::finish_unit(std::size_t bytes, bool solicited) {
  auto& work = batch_.back();
  batch_sges_[batch_.size() - 1] = {batch_units_[batch_.size() - 1].data(), static_cast<std::uint32_t>(bytes),
                                    0};
  work.solicited = solicited;
}

void Channel::flush() {
  if (ended_) return;
  // Post receives first: an answer's credit permits a request, which needs a receive.
  if (!receives_.empty()) {
    const auto posted = endpoint_->post_receive(receives_);
    receives_.clear();
    if (!posted) return end();
  }
  if (!batch_.empty()) {
    const auto posted = endpoint_->post_send(batch_);
    batch_.clear();
    if (!posted) return end();
  }
}

void Channel::stall(std::uint32_t slot) {
  if (slots_[slot].stalled) return;
  slots_[slot].stalled = true;
  stalled_.push_back(slot);
}

void Channel::run_stalled() {
  while (!stalled_.empty() && room() > 0 && !ended_) {
    const std::uint32_t slot = stalled_.front();
    stalled_.erase(stalled_.begin());
    slots_[slot].stalled = false;
    if (closing_) continue;
    switch (slots_[slot].stage) {
      case Slot::Stage::fetching_table: fetch_table(slot); break;
      case Slot::Stage::moving: move(slot); break;
      case Slot::Stage::answering:
        if (slots_[slot].result)
          answer_function(slot, *slots_[slot].result);
        else
          answer(slot, slots_[slot].status);
        break;
      default: break;  // aborted in the meantime
    }
  }
}

bool Channel::moves_data_out() const noexcept {
  return std::any_of(slots_.begin(), slots_.end(), [](const Slot& s) {
    return s.data_out && (s.stage == Slot::Stage::moving || s.stage == Slot::Stage::fetching_table);
  });
}

void Channel::lose_cache(const LogicalUnit& unit) noexcept {
  for (Slot& s : slots_) s.cache_lost |= s.unit == &unit;
}

void Channel::end() noexcept {
  if (ended_) return;
  ended_ = true;
  endpoint_->abort();
  batch_.clear();
  receives_.clear();
  stalled_.clear();
  // Nothing can reach a buffer any more, so functions that waited for that are answered.
  for (Slot& slot : slots_) {
    const auto function = slot.aborted_by;
    slot.aborted_by = 0;
    slot.held_write = nullptr;
    slot.stage = Slot::Stage::receiving;
    if (function != 0) target_.abort_done(function);
  }
}

ChannelInfo Channel::info() const {
  return {.number = number_,
          .initiator = nexus_.initiator,
          .established = established_,
          .commands = outstanding_,
          .max_initiator_iu_bytes = max_initiator_iu_bytes_,
          .immediate_data = immediate_data_offset_ != 0};
}

}  // namespace srpi::target
