// SPDX-License-Identifier: Apache-2.0
// Units that leave unanswered whatever is sent to them, LOGICAL UNIT RESET too, while their target answers for
// others: a disk behind it that hangs. Each has cost its session one connection; from then on the probe leaves
// it out, and it is away.
//
// It is asked by a LOGICAL UNIT RESET that may take its time: a target that has hold of commands of that unit
// does not answer it before they are over, and it has no data that could come late. Its answer, whatever it
// says, ends the unit's being stuck: then all units are proved again.
#include <algorithm>

#include "session/nexus.hpp"

namespace srpi::session {

void Nexus::on_stuck_unit(std::uint64_t lun, const Channel& channel) noexcept {
  if (channel.most_aside() == 0) return;
  probe_.stuck().add(lun);
  if (live_.size() > 1) prove_again();  // nothing more goes there over the other channels
}

// Who has been proved is not stuck.
void Nexus::note_unstuck() noexcept {
  const auto stuck = probe_.stuck();
  for (const auto lun : stuck.luns())
    if (!find_away(probe_, lun)) probe_.stuck().remove(lun);
  if (probe_.stuck().empty() && clock_.now() >= reset_stuck_at_) stuck_delay_ = {};
}

// A reset may be lost. One more for the same unit, much later or when somebody asks, is all that its place is worth.
bool Nexus::may_reset_stuck(std::uint64_t lun, bool asked_for) const noexcept {
  const StuckReset* first = nullptr;
  std::size_t sent = 0, mine = 0;
  for (const auto& reset : stuck_resets_) {
    sent += reset.sent;
    if (!reset.sent || reset.task.lun != lun) continue;
    ++mine;
    first = &reset;
  }
  if (mine == 0) return true;
  if (mine > 1 || sent >= stuck_resets_.size() / 2) return false;
  return asked_for ||
         (options_.reconnect_delay && clock_.now() - first->at >= 10 * *options_.reconnect_delay);
}

void Nexus::ask_stuck(bool asked_for) noexcept {
  if (asked_for) reset_stuck_at_ = {}, stuck_delay_ = {};
  if (probe_.stuck().empty() || clock_.now() < reset_stuck_at_) return;
  const auto has_room = [](const Link* l) { return l->channel.most_aside() > 0; };
  if (std::ranges::none_of(live_, has_room)) {  // this login has left none: then as without all this
    probe_.stuck().clear();
    return prove_again();
  }
  for (const auto& unit : probe_.away())
    if (probe_.stuck().contains(unit.lun) && may_reset_stuck(unit.lun, asked_for)) reset_stuck(unit.lun);
}

void Nexus::reset_stuck(std::uint64_t lun) noexcept {
  const auto free = std::ranges::find(stuck_resets_, false, &StuckReset::sent);
  if (free == stuck_resets_.end()) return;
  auto& task = free->task;
  task = {};
  task.function = wire::TaskFunction::lun_reset;
  task.lun = lun;
  task.owner = this;
  task.on_complete = &Nexus::on_stuck_answer;
  free->at = clock_.now();
  free->sent = std::ranges::any_of(live_, [&](Link* l) { return l->channel.submit_aside(task); });
}

// Asked a moment ago: its I/O is tried again rather than failed.
bool Nexus::may_be_back_soon(std::uint64_t lun) const noexcept {
  return std::ranges::any_of(stuck_resets_, [&](const StuckReset& r) {
    return r.sent && r.task.lun == lun && clock_.now() - r.at < options_.task_management_timeout;
  });
}

// A target may answer resets of a unit that hangs nevertheless, which costs another connection: the next ones wait.
void Nexus::on_stuck_answer(Tmf& task) noexcept {
  auto& self = *static_cast<Nexus*>(task.owner);
  std::ranges::find(self.stuck_resets_, &task, [](StuckReset& r) { return &r.task; })->sent = false;
  if (task.error != Errc::ok) return;  // its channel has ended: another one is asked in time
  for (auto& reset : self.stuck_resets_) {
    if (!reset.sent || reset.task.lun != task.lun) continue;
    for (const auto& link : self.links_) link->channel.withdraw(reset.task);
    reset.sent = false;
  }
  const base::Duration least = self.options_.reconnect_delay.value_or(Milliseconds{10000});
  self.stuck_delay_ = std::clamp(2 * self.stuck_delay_, least, 32 * least);
  self.reset_stuck_at_ = self.clock_.now() + self.stuck_delay_;
  self.probe_.stuck().remove(task.lun);
  self.prove_again();
}

// A unit of the session that is not stuck. What it answers does not matter.
std::uint64_t Nexus::keepalive_lun() const noexcept {
  base::LunSet units;
  probe_.add_units(units);
  for (const auto lun : units.luns())
    if (!probe_.stuck().contains(lun)) return lun;
  return 0;
}

}  // namespace srpi::session
