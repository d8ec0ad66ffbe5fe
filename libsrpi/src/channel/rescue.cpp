// SPDX-License-Identifier: Apache-2.0
// Ends a command that the target does not answer in time.
//
// The target can still reach the command's buffer, so the command cannot simply complete. At its deadline it
// is aborted: by ABORT TASK for one task_management_timeout, then by LOGICAL UNIT RESET for another one, then
// by the end of the channel. After a refused step, the next one follows at once. Until one step succeeds, the
// command keeps its slot, tag and buffer, and an answer that comes first counts. One function runs at a time.
// The oldest command decides about the next function, so every command ends at most two steps after its
// deadline.
#include "base/make_error.hpp"
#include "channel/channel.hpp"

namespace srpi::channel {

void Channel::check_deadlines(base::Time now) noexcept {
  check_tmf_deadlines(now);
  expire_unsent(now);
  if (!failure_) rescue(now);
}

// Unsent commands end without the target.
void Channel::expire_unsent(base::Time now) noexcept {
  CommandList ended;
  for (auto* list : {&pending_, &blocked_}) {
    for (auto* c = list->front(); c && c->internal.deadline <= now; c = list->front()) {
      if (in_flight_.empty() && !credits_.for_command())
        return fail(base::make_error(Errc::timed_out, "no credit to send {} within the command deadline",
                                     [&] { return to_string(c->cdb); }));
      ended.push_back(*list->pop_front());
    }
  }
  while (auto* c = ended.pop_front()) complete(*c, c->internal.end_error);
}

void Channel::rescue(base::Time now) noexcept {
  auto* const c = in_flight_.front();
  if (!c || c->internal.deadline > now) return;
  const auto step = limits_.task_management_timeout;
  const bool abort = !c->internal.abort_refused && now < c->internal.deadline + step;
  const bool others_answered = last_answer_ > c->internal.deadline - limits_.command_timeout;
  if (!c->rescue && !(abort && others_answered))
    return fail(base::make_error(Errc::timed_out, "no answer to {} within the command deadline",
                                 [&] { return to_string(c->cdb); }));
  if (now >= c->internal.deadline + 2 * step) {
    // The unit is stuck only if the target has answered something else since.
    if (rescue_step_ == RescueStep::reset && rescue_.lun == c->lun && last_answer_ > c->internal.deadline)
      events_.on_stuck_unit(c->lun, *this);
    return fail(base::make_error(Errc::timed_out,
                                 "no answer to {} within the command deadline, and neither ABORT TASK nor "
                                 "LOGICAL UNIT RESET has ended it",
                                 [&] { return to_string(c->cdb); }));
  }
  if (rescue_step_ != RescueStep::none) return;

  rescue_ = {};
  rescue_.function = abort ? wire::TaskFunction::abort_task : wire::TaskFunction::lun_reset;
  rescue_.lun = c->lun;
  rescue_.task_tag = abort ? slots_.handle(c->internal.slot) : 0;
  rescue_.deadline = c->internal.deadline + (abort ? 1 : 2) * step;
  rescue_.owner = this;
  rescue_.on_complete = &Channel::on_rescue;
  rescue_step_ = abort ? RescueStep::abort : RescueStep::reset;
  if (!abort) return resets_.submit(rescue_);
  submit(rescue_);
  start_tmf();
}

void Channel::on_rescue(Tmf& tmf) noexcept {
  auto& self = *static_cast<Channel*>(tmf.owner);
  const auto step = std::exchange(self.rescue_step_, RescueStep::none);
  if (tmf.error == Errc::no_connect) return;  // the channel ends
  if (step == RescueStep::abort) {
    // "Failed" may mean that the command was over already. Then its answer came before this one, because the
    // queue pair keeps the order, and the slot is not found.
    if (auto* const found = self.slots_.find(tmf.task_tag)) {
      if (tmf.confirmed())
        self.finish_unanswered(**found, (*found)->internal.end_error);
      else
        (*found)->internal.abort_refused = true;
    }
  } else if (!tmf.confirmed()) {
    if (tmf.error == Errc::timed_out &&
        self.last_answer_ > tmf.deadline - self.limits_.task_management_timeout)
      self.events_.on_stuck_unit(tmf.lun, self);
    const auto* const what = tmf.error == Errc::ok ? to_string(tmf.result) : "not answered";
    return self.fail(base::make_error(Errc::timed_out,
                                      "a command was not answered within its deadline, ABORT TASK has not "
                                      "ended it, and LOGICAL UNIT RESET was {}",
                                      what));
  }
  if (!self.failure_) self.rescue(self.clock_.now());  // continue with the next step or the next command
}

// The target has ended all tasks of the unit, also those of other initiators.
void Channel::end_unit(std::uint64_t lun) noexcept {
  const auto now = clock_.now();
  auto ended = in_flight_.take_if([lun](const Command& c) { return c.lun == lun; });
  for (auto& c : ended) release_unanswered(c);
  // Commands before their deadline may be sent again, because nothing of their first try can happen any more.
  while (auto* c = ended.pop_front())
    complete(*c, c->internal.deadline <= now ? c->internal.end_error : Errc::aborted_command);
}

void Channel::abort_unit(std::uint64_t lun) noexcept {
  const auto now = clock_.now();
  // Leave our own commands alone: without their answers the channel would end.
  const auto is_meant = [lun](const Command& c) { return c.lun == lun && c.rescue; };
  auto hurried =
      in_flight_.take_if([&](const Command& c) { return is_meant(c) && c.internal.deadline > now; });
  while (auto* c = hurried.pop_front()) {
    c->internal.deadline = now;
    c->internal.end_error = Errc::cancelled;
    insert_by_deadline(in_flight_, *c);
  }
  auto ended = pending_.take_if(is_meant);
  auto blocked = blocked_.take_if(is_meant);
  ended.append(blocked);
  while (auto* c = ended.pop_front()) complete(*c, Errc::cancelled);
  rescue(now);
}

void Channel::release_unanswered(Command& command) noexcept {
  slots_.release(command.internal.slot);
  ++late_answers_;
}

void Channel::finish_unanswered(Command& command, Errc error) noexcept {
  in_flight_.erase(command);
  release_unanswered(command);
  complete(command, error);
}

void Channel::complete(Command& command, Errc error) noexcept {
  command.error = error;
  if (error != Errc::ok || command.status != scsi::Status::good) ++counters_.errors;
  command.on_complete(command);
}

}  // namespace srpi::channel
