// SPDX-License-Identifier: Apache-2.0
// Task management functions. One runs at a time; functions have their own credit, send slots and tags. A
// function that is not answered in time keeps its slot until its answer or the end of the queue pair. In
// addition, a few functions run aside, whose answers may take any time.
#include <algorithm>

#include "base/check.hpp"
#include "channel/channel.hpp"
#include "channel/layout.hpp"
#include "wire/response.hpp"

namespace srpi::channel {
namespace {

// Slot indices that commands do not use, so that the tags differ. The rest of a tag is as in SlotTable's
// handles.
constexpr std::uint16_t kFirstIndex = 0xff00u;

constexpr std::uint64_t tag_of(std::uint16_t channel, std::uint32_t slot, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | std::uint32_t{channel} << 16 | (kFirstIndex + slot);
}

}  // namespace

void Channel::submit(Tmf& tmf) noexcept {
  tmf.error = Errc::ok;
  waiting_tmfs_.push_back(tmf);
}

bool Channel::can_start_tmf() const noexcept {
  return !active_tmf_ && !waiting_tmfs_.empty() && credits_.for_task_management() &&
         sends_posted_ + kAnswerSlots < send_depth(limits_) &&
         std::ranges::any_of(tmf_slots_, [](const TmfSlot& s) { return !s.taken; });
}

void Channel::start_tmf() noexcept {
  if (!can_start_tmf()) return;
  const auto free = std::ranges::find(tmf_slots_, false, &TmfSlot::taken);
  active_tmf_ = waiting_tmfs_.pop_front();
  post_tmf(*active_tmf_, static_cast<std::uint32_t>(free - tmf_slots_.begin()));
}

void Channel::post_tmf(Tmf& tmf, std::uint32_t index) noexcept {
  auto& taken = tmf_slots_[index];
  taken.taken = true;
  taken.aside = false;
  taken.tmf = &tmf;
  credits_.spend();
  ++counters_.task_functions;

  wire::TaskManagement unit;
  unit.tag = tag_of(number_, index, taken.generation);
  unit.lun = tmf.lun;
  unit.function = tmf.function;
  unit.task_tag = tmf.task_tag;
  const auto slot = command_slots(limits_) + kAnswerSlots + index;
  post_alone(slot, wire::encode(unit, std::span(send_buffer(slot), send_slot_bytes(limits_))));
}

// Half of the credits for I/O, but not the last one.
std::uint32_t Channel::most_aside() const noexcept {
  return std::min(kMostAside, static_cast<std::uint32_t>(std::max(terms_.request_limit - 1, 0)) / 2);
}

bool Channel::submit_aside(Tmf& tmf) noexcept {
  const auto taken = static_cast<std::uint32_t>(
      std::ranges::count_if(tmf_slots_, [](const TmfSlot& s) { return s.taken && s.aside; }));
  const auto free = std::ranges::find(tmf_slots_, false, &TmfSlot::taken);
  if (!is_up() || taken >= most_aside() || free == tmf_slots_.end() || !credits_.for_command() ||
      sends_posted_ + kAnswerSlots >= send_depth(limits_))
    return false;
  tmf.error = Errc::ok;
  post_tmf(tmf, static_cast<std::uint32_t>(free - tmf_slots_.begin()));
  free->aside = true;
  return true;
}

bool Channel::on_tmf_answer(const wire::Response& response) noexcept {
  const auto index = static_cast<std::uint32_t>(static_cast<std::uint16_t>(response.tag)) - kFirstIndex;
  if (index >= tmf_slots_.size()) return false;
  auto& slot = tmf_slots_[index];
  if (!slot.taken || response.tag != tag_of(number_, index, slot.generation)) return false;
  auto* const tmf = std::exchange(slot.tmf, nullptr);
  const bool aside = slot.aside;
  slot.taken = slot.aside = false;
  ++slot.generation;
  if (!tmf) return true;  // too late: the function was withdrawn or timed out
  // An answer without response data confirms nothing.
  tmf->result = response.task_result().value_or(wire::TaskResult::failed);
  // Commands were not blocked during a function aside, so they may be newer than the reset.
  if (aside) return tmf->on_complete(*tmf), true;
  end_tmf(*tmf, Errc::ok);
  return true;
}

void Channel::end_tmf(Tmf& tmf, Errc error) noexcept {
  if (active_tmf_ == &tmf) active_tmf_ = nullptr;
  tmf.error = error;
  if (tmf.function == wire::TaskFunction::lun_reset && tmf.confirmed()) end_unit(tmf.lun);
  tmf.on_complete(tmf);
}

void Channel::unblock() noexcept {
  blocked_lun_ = kNoLun;
  while (auto* c = blocked_.pop_front()) pending_.insert(*c);
}

void Channel::withdraw(Tmf& tmf) noexcept {
  waiting_tmfs_.remove(tmf);
  if (active_tmf_ == &tmf) active_tmf_ = nullptr;
  for (auto& slot : tmf_slots_)
    if (slot.tmf == &tmf) slot.tmf = nullptr;
}

void Channel::check_tmf_deadlines(base::Time now) noexcept {
  if (active_tmf_ && active_tmf_->deadline <= now) {
    auto& late = *active_tmf_;
    withdraw(late);
    end_tmf(late, Errc::timed_out);
  }
  TmfList waiting, ended;
  std::swap(waiting, waiting_tmfs_);
  while (auto* t = waiting.pop_front()) (t->deadline <= now ? ended : waiting_tmfs_).push_back(*t);
  while (auto* t = ended.pop_front()) end_tmf(*t, Errc::timed_out);
}

base::Time Channel::next_tmf_deadline() const noexcept {
  auto next = active_tmf_ ? active_tmf_->deadline : base::kNever;
  for (const auto* t = waiting_tmfs_.front(); t; t = t->next) next = std::min(next, t->deadline);
  return next;
}

void Channel::end_all_tmfs() noexcept {
  if (std::exchange(rescuing_, false)) {
    resets_.withdraw(rescue_);
    withdraw(rescue_);
  }
  TmfList ended;
  if (active_tmf_) ended.push_back(*active_tmf_);
  while (auto* t = waiting_tmfs_.pop_front()) ended.push_back(*t);
  for (auto& slot : tmf_slots_) {
    if (slot.tmf && slot.aside) ended.push_back(*slot.tmf);
    slot.generation += slot.taken ? 1 : 0;
    slot.taken = slot.aside = false;
    slot.tmf = nullptr;
  }
  while (auto* t = ended.pop_front()) end_tmf(*t, Errc::no_connect);
}

}  // namespace srpi::channel
