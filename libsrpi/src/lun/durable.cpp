// SPDX-License-Identifier: Apache-2.0
// Force unit access. Where the unit has the FUA bit for it, the bit does it. At one with a volatile cache and
// no FUA: the request, then SYNCHRONIZE CACHE of its range, as one request of the caller's. Its completion is
// ours until all is done, so that requests without force unit access do not pass through here.
//
// What the target has acknowledged before its power fails is lost with its cache, and a SYNCHRONIZE CACHE
// that is sent again behind the next login, or behind the unit attention, succeeds all the same; so does one
// behind a deferred error, by which the unit tells that it could not write what it had acknowledged. The data
// are still here: if the cache epoch has changed since the request was begun, it is begun anew, as often as its
// time permits.
//
// A command that is held or sent again may meet a unit that a proof has found changed: with a cache, or
// without FUA. So what a request needs is decided when its commands are over.
#include "lun/unit.hpp"

namespace srpi::lun {

// Of the request's next command: whether it has the FUA bit. `until`: it may be begun anew before that.
bool Unit::forces_unit_access(IoRequest& r, base::Time until) noexcept {
  if (r.on_complete != &Unit::on_durable_step) {
    r.durable = {.on_complete = r.on_complete,
                 .unit = this,
                 .operation = r.operation,
                 .aborted = false,
                 .unforced = false,
                 .cache_epoch = cache_epoch(),
                 .begin_anew_until = until.time_since_epoch()};
    r.on_complete = &Unit::on_durable_step;
  }
  const bool by_bit = profile_.info.can_force_unit_access && r.operation == IoOperation::write;
  r.durable.unforced |= !by_bit;
  return by_bit;
}

// All commands of the request are over, or all of its flush.
void Unit::on_durable_step(IoRequest& r) noexcept {
  auto& durable = r.durable;
  auto& unit = *static_cast<Unit*>(durable.unit);
  const auto& info = unit.profile_.info;
  const bool flushed = r.operation == IoOperation::flush;
  const auto epoch = unit.cache_epoch();
  const bool doubtful = durable.cache_epoch != epoch;
  r.operation = durable.operation;
  // A unit that has lost its FUA since may refuse the bit, or ignore it.
  const bool bit_in_vain = !durable.unforced && doubtful && !info.can_force_unit_access;
  if (bit_in_vain && r.status == Errc::illegal_request) r.status = Errc::ok;
  const bool anew = durable.unforced ? doubtful : bit_in_vain;
  const bool to_flush = durable.unforced && !flushed && info.write_cache;
  if (r.status == Errc::ok && (anew || to_flush)) {
    if (durable.aborted) {
      r.status = Errc::cancelled;  // it has ended, and so has what an operator's abort is for
    } else if (anew && unit.clock_.now().time_since_epoch() >= durable.begin_anew_until) {
      r.status = Errc::timed_out;
    } else {
      if (anew) {
        durable.cache_epoch = epoch;
        durable.unforced = false;
      } else {
        r.operation = IoOperation::flush;
      }
      r.internal = {};
      return unit.queue_.push(r);
    }
  }
  r.on_complete = durable.on_complete;
  r.on_complete(r);
}

}  // namespace srpi::lun
