// SPDX-License-Identifier: Apache-2.0
// Task management functions: one at a time, with a credit, send slots and tags of their own. A function that
// was not answered in time keeps its slot until its answer or the end of the queue pair. Beside them go a few
// whose answer may take for ever.
#include <algorithm>

#include "base/check.hpp"
#include "channel/channel.hpp"
#include "channel/layout.hpp"
#include "wire/response.hpp"

namespace srpi::channel {
namespace {

// Indices that no command's slot has, so that neither can be taken for the other; else as SlotTable's
// handles.
constexpr std::uint16_t kFirstIndex = 0xff00u;

constexpr std::uint64_t tag_of(std::uint16_t channel, std::uint32_t slot, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | std::uint32_t{channel} << 16 | (kFirstIndex + slot);
}

}  // namespace

void Channel::submit(Task& task) noexcept {
  task.error = Errc::ok;
  waiting_tasks_.push_back(task);
}

bool Channel::can_start_task() const noexcept {
  return !active_task_ && !waiting_tasks_.empty() && credits_.for_task_management() &&
         sends_posted_ + kAnswerSlots < send_depth(limits_) &&
         std::ranges::any_of(task_slots_, [](const TaskSlot& s) { return !s.taken; });
}

void Channel::start_task() noexcept {
  if (!can_start_task()) return;
  const auto free = std::ranges::find(task_slots_, false, &TaskSlot::taken);
  active_task_ = waiting_tasks_.pop_front();
  post_task(*active_task_, static_cast<std::uint32_t>(free - task_slots_.begin()));
}

void Channel::post_task(Task& task, std::uint32_t index) noexcept {
  auto& taken = task_slots_[index];
  taken.taken = true;
  taken.aside = false;
  taken.task = &task;
  credits_.spend();
  ++counters_.task_functions;

  wire::TaskManagement unit;
  unit.tag = tag_of(number_, index, taken.generation);
  unit.lun = task.lun;
  unit.function = task.function;
  unit.task_tag = task.task_tag;
  const auto slot = command_slots(limits_) + kAnswerSlots + index;
  post_alone(slot, wire::encode(unit, std::span(send_buffer(slot), send_slot_bytes(limits_))));
}

// Half of the credits that I/O may have, and not its last one.
std::uint32_t Channel::most_aside() const noexcept {
  return std::min(kMostAside, static_cast<std::uint32_t>(std::max(terms_.request_limit - 1, 0)) / 2);
}

bool Channel::submit_aside(Task& task) noexcept {
  const auto taken = static_cast<std::uint32_t>(
      std::ranges::count_if(task_slots_, [](const TaskSlot& s) { return s.taken && s.aside; }));
  const auto free = std::ranges::find(task_slots_, false, &TaskSlot::taken);
  if (!is_up() || taken >= most_aside() || free == task_slots_.end() || !credits_.for_command() ||
      sends_posted_ + kAnswerSlots >= send_depth(limits_))
    return false;
  task.error = Errc::ok;
  post_task(task, static_cast<std::uint32_t>(free - task_slots_.begin()));
  free->aside = true;
  return true;
}

bool Channel::on_task_answer(const wire::Response& response) noexcept {
  const auto index = static_cast<std::uint32_t>(static_cast<std::uint16_t>(response.tag)) - kFirstIndex;
  if (index >= task_slots_.size()) return false;
  auto& slot = task_slots_[index];
  if (!slot.taken || response.tag != tag_of(number_, index, slot.generation)) return false;
  auto* const task = std::exchange(slot.task, nullptr);
  const bool aside = slot.aside;
  slot.taken = slot.aside = false;
  ++slot.generation;
  if (!task) return true;  // too late: whoever asked has gone on
  // Without response data the target has said nothing that could be relied on.
  task->result = response.task_result().value_or(wire::TaskResult::failed);
  // Nothing was kept from going out beside it: what has may be newer than the reset.
  if (aside) return task->on_complete(*task), true;
  end_task(*task, Errc::ok);
  return true;
}

void Channel::end_task(Task& task, Errc error) noexcept {
  if (active_task_ == &task) active_task_ = nullptr;
  task.error = error;
  if (task.function == wire::TaskFunction::lun_reset && task.confirmed()) end_unit(task.lun);
  task.on_complete(task);
}

void Channel::unblock() noexcept {
  blocked_lun_ = kNoLun;
  while (auto* c = blocked_.pop_front()) pending_.insert(*c);
}

void Channel::withdraw(Task& task) noexcept {
  waiting_tasks_.remove(task);
  if (active_task_ == &task) active_task_ = nullptr;
  for (auto& slot : task_slots_)
    if (slot.task == &task) slot.task = nullptr;
}

void Channel::check_task_deadlines(base::Time now) noexcept {
  if (active_task_ && active_task_->deadline <= now) {
    auto& late = *active_task_;
    withdraw(late);
    end_task(late, Errc::timed_out);
  }
  TaskList waiting, ended;
  std::swap(waiting, waiting_tasks_);
  while (auto* t = waiting.pop_front()) (t->deadline <= now ? ended : waiting_tasks_).push_back(*t);
  while (auto* t = ended.pop_front()) end_task(*t, Errc::timed_out);
}

base::Time Channel::next_task_deadline() const noexcept {
  auto next = active_task_ ? active_task_->deadline : base::kNever;
  for (const auto* t = waiting_tasks_.front(); t; t = t->next) next = std::min(next, t->deadline);
  return next;
}

void Channel::end_all_tasks(Errc error) noexcept {
  if (std::exchange(rescuing_, false)) {
    resets_.withdraw(rescue_);
    withdraw(rescue_);
  }
  TaskList ended;
  if (active_task_) ended.push_back(*active_task_);
  while (auto* t = waiting_tasks_.pop_front()) ended.push_back(*t);
  for (auto& slot : task_slots_) {
    if (slot.task && slot.aside) ended.push_back(*slot.task);
    slot.generation += slot.taken ? 1 : 0;
    slot.taken = slot.aside = false;
    slot.task = nullptr;
  }
  while (auto* t = ended.pop_front()) end_task(*t, error);
}

}  // namespace srpi::channel
