// SPDX-License-Identifier: Apache-2.0
// The end of a command: its request continues, or the command is sent again.
#include <algorithm>
#include <utility>

#include "lun/unit.hpp"
#include "lun/unit_command.hpp"
#include "scsi/sense.hpp"

namespace srpi::lun {

void Unit::on_complete(channel::Command& command) noexcept {
  auto& c = *static_cast<UnitCommand*>(command.owner);
  if (command.error != Errc::ok) return c.unit->on_no_answer(c);
  if (command.status == scsi::Status::good && command.residual_bytes == 0)
    return c.unit->command_done(c, Errc::ok);
  c.unit->on_answer(c);
}

// The command ended without a SCSI answer.
void Unit::on_no_answer(UnitCommand& c) noexcept {
  auto& command = c.command;
  if (command.error != Errc::aborted_command) return command_done(c, command.error);
  // A reset of the unit for another reason ended the command, so it cannot take effect any more.
  if (c.aborting) return command_done(c, Errc::cancelled);
  if (clock_.now() >= command.deadline) return command_done(c, Errc::timed_out);
  nexus_.submit(command);
}

void Unit::on_answer(UnitCommand& c) noexcept {
  const auto& command = c.command;
  const auto sense = scsi::decode_sense({command.sense.data(), command.sense_bytes});
  const auto what = scsi::classify(command.status, sense ? &*sense : nullptr);
  // Report the event before a retry, because the retry may have to wait for the proof.
  if (what.event != scsi::Event::none)
    nexus_.on_unit_event(wire_lun_, what.event);
  else if (what.error == Errc::no_such_lun)
    nexus_.doubt_units();
  switch (what.action) {
    case scsi::Action::complete:
      return command_done(c, command.residual_bytes > 0 ? Errc::short_transfer : Errc::ok);
    case scsi::Action::fail:
      if (what.error == Errc::write_protected) doubt_protection();
      return command_done(c, does_without(c, what.error) ? Errc::ok : what.error);
    case scsi::Action::retry_now:
    case scsi::Action::retry_later: return retry(c, what);
  }
}

// A proof finds out whether the unit says of itself that it is write-protected. It is asked again only after it has
// said something else.
void Unit::doubt_protection() noexcept {
  if (!profile_.info.read_only && !std::exchange(protection_asked_, true)) nexus_.doubt_units();
}

// Sends the command again, now or later, or fails it if its retries or its time are used up.
void Unit::retry(UnitCommand& c, const scsi::Disposition& what) noexcept {
  if (c.aborting) return command_done(c, Errc::cancelled);
  const auto delay = c.budget.next(what.retry_class);
  const auto now = clock_.now();
  if (!delay || now + *delay >= c.command.deadline) return command_done(c, what.error);
  if (delay->count() == 0) return nexus_.submit(c.command);
  c.retry_at = now + *delay;
  next_retry_ = std::min(next_retry_, c.retry_at);
  backed_off_.push_back(&c);
  (void)may_get_work();  // it has: the session is live
}

void Unit::command_done(UnitCommand& c, Errc status) noexcept {
  auto& request = *c.request;
  auto& state = state_of(request);
  c.request = nullptr;
  if (c.aborting) {
    c.aborting = false;
    state.aborted = true;
    --aborting_;
    if (status == Errc::no_connect) abort_status_ = status;  // it ended, but not by the abort
  }
  free_.push_back(&c);
  if (request.status == Errc::ok) request.status = status;
  if (--state.outstanding == 0) end(request);
}

}  // namespace srpi::lun
