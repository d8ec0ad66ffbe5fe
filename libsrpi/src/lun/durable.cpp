// SPDX-License-Identifier: Apache-2.0
// Force unit access where the unit has a volatile cache and no FUA: the request, then SYNCHRONIZE CACHE of
// its range, as one request of the caller's. Its completion is ours until both are done, so that requests
// without force unit access do not pass through here.
//
// What the target has acknowledged before its power fails is lost with its cache, and a SYNCHRONIZE CACHE
// that is sent again behind the next login, or behind the unit attention, succeeds all the same. The data are
// still here: if the nexus' cache epoch has changed since the request was begun, it is begun anew, as often
// as its time permits.
#include "lun/unit.hpp"

namespace srpi::lun {

// True: the unit does it, by the FUA bit. Otherwise it becomes our affair, where there is anything to do.
bool Unit::forces_unit_access(IoRequest& r) noexcept {
  if (profile_.info.can_force_unit_access && r.operation == IoOperation::write) return true;
  if (!profile_.info.write_cache || r.on_complete == &Unit::on_durable_step) return false;
  const auto until = clock_.now() + options_.command_timeout + options_.fast_io_fail;
  r.durable = {.on_complete = r.on_complete,
               .unit = this,
               .operation = r.operation,
               .aborted = false,
               .cache_epoch = nexus_.cache_epoch(),
               .begin_anew_until = until.time_since_epoch()};
  r.on_complete = &Unit::on_durable_step;
  return false;
}

// All commands of the request are over, or all of its flush.
void Unit::on_durable_step(IoRequest& r) noexcept {
  auto& durable = r.durable;
  auto& unit = *static_cast<Unit*>(durable.unit);
  const bool flushed = r.operation == IoOperation::flush;
  const auto epoch = unit.nexus_.cache_epoch();
  const bool doubtful = durable.cache_epoch != epoch;
  r.operation = durable.operation;
  if (r.status == Errc::ok && (!flushed || doubtful)) {
    if (durable.aborted) {
      r.status = Errc::cancelled;  // it has ended, and so has what an operator's abort is for
    } else if (doubtful && unit.clock_.now().time_since_epoch() >= durable.begin_anew_until) {
      r.status = Errc::timed_out;
    } else {
      durable.cache_epoch = epoch;
      if (!doubtful) r.operation = IoOperation::flush;
      r.internal = {};
      return unit.queue_.push(r);
    }
  }
  r.on_complete = durable.on_complete;
  r.on_complete(r);
}

}  // namespace srpi::lun
