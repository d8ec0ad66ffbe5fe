// SPDX-License-Identifier: Apache-2.0
// An operator's abort and reset of a unit.
#include "lun/unit.hpp"
#include "lun/unit_command.hpp"

namespace srpi::lun {
namespace {

Errc outcome_of(const channel::Tmf& task) noexcept {
  if (task.error != Errc::ok) return task.error;
  switch (task.result) {
    case wire::TaskResult::complete: return Errc::ok;
    case wire::TaskResult::not_supported: return Errc::not_supported;
    default: return Errc::target_error;
  }
}

}  // namespace

Errc Unit::abort(TaskRequest& r) noexcept { return begin_task(r, new_aborts_); }
Errc Unit::reset(TaskRequest& r) noexcept { return begin_task(r, new_resets_); }

Errc Unit::begin_task(TaskRequest& r, RequestQueue<TaskRequest>& queue) noexcept {
  if (!may_get_work()) return Errc::no_connect;
  if (const auto refusal = take(r); refusal != Errc::ok) return refusal;
  r.status = Errc::ok;
  queue.push(r);
  return Errc::ok;
}

std::size_t Unit::run_tasks() noexcept {
  std::size_t n = 0;
  if (new_aborts_.head) {
    ++n;
    begin_aborts();
  }
  if (aborts_.head && aborting_ == 0) {
    n += end_tasks(aborts_, abort_status_);
    abort_status_ = Errc::ok;
  }
  if (new_resets_.head && !resets_.head) {
    ++n;
    begin_reset();
  }
  return n;
}

void Unit::begin_aborts() noexcept {
  while (auto* r = new_aborts_.pop()) aborts_.push(*r);
  for (auto& c : commands_) {
    if (!c.request || c.aborting) continue;
    c.aborting = true;
    ++aborting_;
  }
  fail_unsent(Errc::cancelled);
  nexus_.abort_unit(wire_lun_);
}

// One LOGICAL UNIT RESET serves all requests that wait for one. Requests that arrive during it share the next.
void Unit::begin_reset() noexcept {
  std::swap(resets_, new_resets_);
  reset_ = {};
  reset_.function = wire::TaskFunction::lun_reset;
  reset_.lun = wire_lun_;
  reset_.deadline = clock_.now() + options_.task_management_timeout;
  reset_.owner = this;
  reset_.on_complete = [](channel::Tmf& t) noexcept {
    auto& unit = *static_cast<Unit*>(t.owner);
    unit.end_tasks(unit.resets_, outcome_of(t));
  };
  nexus_.submit(reset_);
}

std::size_t Unit::end_tasks(RequestQueue<TaskRequest>& queue, Errc status) noexcept {
  RequestQueue<TaskRequest> ended;
  std::swap(ended, queue);
  std::size_t n = 0;
  while (auto* r = ended.pop()) {
    ++n;
    r->status = status;
    complete(*r);
  }
  return n;
}

}  // namespace srpi::lun
