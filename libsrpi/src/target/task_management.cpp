// SPDX-License-Identifier: Apache-2.0
// Task management (SAM-5 chapter 7, SRP_TSK_MGMT). The answer "complete" promises that the target cannot
// reach the aborted commands' buffers any more, so it waits for their RDMA to end. An aborted command gets no
// answer. The next answer returns its credit.
#include <algorithm>

#include "target/channel.hpp"
#include "target/nexus.hpp"

namespace srpi::target {

namespace {

bool abortable(const Slot& slot) {
  switch (slot.stage) {
    case Slot::Stage::held:
    case Slot::Stage::fetching_table:
    case Slot::Stage::moving:
    case Slot::Stage::held_medium:
    case Slot::Stage::unanswered: return slot.aborted_by == 0;
    case Slot::Stage::receiving:
    case Slot::Stage::hung:
    case Slot::Stage::hung_function:
    case Slot::Stage::answering:  // too late: the command is done
    case Slot::Stage::waiting_for_aborts: return false;
  }
  return false;
}

bool needs_unit(wire::TaskFunction function) {
  return function == wire::TaskFunction::abort_task_set || function == wire::TaskFunction::clear_task_set ||
         function == wire::TaskFunction::lun_reset;
}

}  // namespace

void RamTarget::start_function(Channel& channel, std::uint32_t slot) {
  ++counters_.task_management;
  const wire::TaskManagement& function = channel.slots()[slot].function;
  if (task_hook_) {
    const TaskOutcome outcome = task_hook_(function);
    if (outcome.kind == TaskOutcome::Kind::answer) return channel.answer_function(slot, outcome.result);
    if (outcome.kind == TaskOutcome::Kind::lose) {
      channel.slots()[slot].stage = Slot::Stage::unanswered;
      return;
    }
  }
  carry_out(channel, slot);
}

void RamTarget::carry_out(Channel& channel, std::uint32_t slot) {
  const wire::TaskManagement& function = channel.slots()[slot].function;
  LogicalUnit* const unit = unit_at(function.lun);
  if (unit && unit->hangs()) {
    channel.slots()[slot].unit = unit;
    channel.slots()[slot].order = counters_.commands;
    channel.slots()[slot].stage = Slot::Stage::hung_function;
    return;
  }
  if (!unit && needs_unit(function.function))
    return channel.answer_function(slot, wire::TaskResult::invalid_fields);
  const std::uint64_t number = ++last_function_;
  std::uint32_t waits_for = 0;
  std::uint32_t aborted = 0;

  // Aborts the matching commands of this session or of all sessions.
  const auto abort_all = [&](bool all_sessions, auto matches) {
    for (const auto& other : channels_) {
      if (other->ended() || (!all_sessions && &other->nexus() != &channel.nexus())) continue;
      auto& slots = other->slots();
      for (std::uint32_t i = 0; i < slots.size(); ++i) {
        if (!abortable(slots[i]) || !matches(slots[i])) continue;
        ++aborted;
        if (!other->abort(i, number)) ++waits_for;
      }
    }
  };
  const auto of_unit = [&](const Slot& s) { return unit_at(s.command.lun) == unit; };

  wire::TaskResult result = wire::TaskResult::complete;
  switch (function.function) {
    case wire::TaskFunction::abort_task:
      abort_all(false,
                [&](const Slot& s) { return s.tag == function.task_tag && s.command.lun == function.lun; });
      if (aborted == 0) result = wire::TaskResult::failed;
      break;
    case wire::TaskFunction::abort_task_set: abort_all(false, of_unit); break;
    case wire::TaskFunction::clear_task_set:
      abort_all(true, of_unit);
      if (aborted != 0) attend(unit, scsi::kCommandsCleared, &channel.nexus());
      break;
    case wire::TaskFunction::lun_reset:
      abort_all(true, of_unit);
      std::erase_if(held_writes_,
                    [&](const auto& held) { return held->unit == unit; });  // also of ended channels
      attend(unit, scsi::kBusDeviceReset);
      break;
    case wire::TaskFunction::clear_aca:  // there is none, because NACA is not supported
    default: result = wire::TaskResult::not_supported; break;
  }
  if (waits_for == 0) return channel.answer_function(slot, result);
  channel.slots()[slot].stage = Slot::Stage::waiting_for_aborts;
  functions_.push_back({.number = number, .channel = channel.number(), .slot = slot, .waits_for = waits_for});
}

void RamTarget::abort_done(std::uint64_t number) {
  const auto at =
      std::find_if(functions_.begin(), functions_.end(), [&](const auto& f) { return f.number == number; });
  if (at == functions_.end() || --at->waits_for != 0) return;
  const PendingFunction function = *at;
  functions_.erase(at);
  for (const auto& channel : channels_) {
    if (channel->number() != function.channel || !channel->usable()) continue;
    channel->answer_function(function.slot, wire::TaskResult::complete);
    channel->flush();
  }
}

bool Channel::abort(std::uint32_t slot, std::uint64_t function) {
  Slot& s = slots_[slot];
  if (s.work_posted) {
    s.aborted_by = function;
    return false;
  }
  if (s.stalled) {
    std::erase(stalled_, slot);
    s.stalled = false;
  }
  forget(slot);
  return true;
}

void Channel::forget(std::uint32_t slot) {
  Slot& s = slots_[slot];
  const auto function = s.aborted_by;
  s.aborted_by = 0;
  if (s.held_write) {
    std::erase_if(target_.held_writes_, [&](const auto& held) { return held.get() == s.held_write; });
    s.held_write = nullptr;
  }
  ++owed_;
  receive_again(slot);
  if (function != 0) target_.abort_done(function);
}

void Channel::answer_function(std::uint32_t slot, wire::TaskResult result) {
  Slot& s = slots_[slot];
  s.result = result;
  if (room() == 0) {
    s.stage = Slot::Stage::answering;
    return stall(slot);
  }
  const std::byte data[4] = {{}, {}, {}, static_cast<std::byte>(result)};
  wire::Response response;
  response.tag = s.tag;
  response.request_limit_delta = 1 + owed_;
  response.flags = wire::kResponseDataValid;
  response.response_data = data;
  response.solicited = (s.notify & (result == wire::TaskResult::complete ? wire::kNotifyOnSuccess
                                                                         : wire::kNotifyOnFailure)) != 0;
  receive_again(slot);
  outstanding_ -= static_cast<std::uint32_t>(response.request_limit_delta);
  owed_ = 0;
  const auto out = add_unit(Sent::other, false, slot);
  finish_unit(wire::encode(response, out), response.solicited);
}

}  // namespace srpi::target
