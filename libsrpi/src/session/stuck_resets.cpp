// SPDX-License-Identifier: Apache-2.0
#include "session/stuck_resets.hpp"

#include <algorithm>

#include "session/channel_set.hpp"

namespace srpi::session {

bool StuckResets::may_ask_unit(std::uint64_t lun, base::Time now, Why why) const noexcept {
  const Reset* first = nullptr;
  std::size_t taken = 0, mine = 0;
  for (const auto& reset : resets_) {
    if (reset.state == Reset::State::free) continue;
    ++taken;
    if (reset.task.lun != lun) continue;
    ++mine;
    first = &reset;
  }
  if (mine == 0) return true;
  if (mine > 1 || taken >= resets_.size() / 2) return false;
  return why == Why::request ||
         (options_.reconnect_delay && now - first->at >= 10 * *options_.reconnect_delay);
}

void StuckResets::ask(std::uint64_t lun, ChannelSet& channels, base::Time now, Why why) noexcept {
  if (!may_ask_unit(lun, now, why)) return;
  const auto reset = std::ranges::find(resets_, Reset::State::free, &Reset::state);
  if (reset == resets_.end()) return;
  reset->task = {};
  reset->task.function = wire::TaskFunction::lun_reset;
  reset->task.lun = lun;
  reset->task.owner = &*reset;
  reset->task.on_complete = &StuckResets::on_complete;
  reset->at = now;
  if (channels.submit_aside(reset->task)) reset->state = Reset::State::sent;
}

void StuckResets::on_complete(Tmf& task) noexcept {
  auto& reset = *static_cast<Reset*>(task.owner);
  reset.state = task.error == Errc::ok ? Reset::State::answered : Reset::State::free;
}

std::optional<std::uint64_t> StuckResets::take_answered(ChannelSet& channels, base::Time now) noexcept {
  const auto answered = std::ranges::find(resets_, Reset::State::answered, &Reset::state);
  if (answered == resets_.end()) return std::nullopt;
  const auto lun = answered->task.lun;
  for (auto& reset : resets_) {
    if (reset.state == Reset::State::free || reset.task.lun != lun) continue;
    if (reset.state == Reset::State::sent) channels.withdraw(reset.task);
    reset.state = Reset::State::free;
  }
  const base::Duration least = options_.reconnect_delay.value_or(Milliseconds{10000});
  delay_ = std::clamp(2 * delay_, least, 32 * least);
  not_before_ = now + delay_;
  return lun;
}

void StuckResets::forget_answers() noexcept {
  not_before_ = {};
  delay_ = {};
}

void StuckResets::on_none_stuck(base::Time now) noexcept {
  if (may_ask(now)) delay_ = {};
}

bool StuckResets::asked_just_now(std::uint64_t lun, base::Time now) const noexcept {
  return std::ranges::any_of(resets_, [&](const Reset& r) {
    return r.state != Reset::State::free && r.task.lun == lun &&
           now - r.at < options_.task_management_timeout;
  });
}

}  // namespace srpi::session
