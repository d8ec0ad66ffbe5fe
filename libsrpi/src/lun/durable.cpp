// SPDX-License-Identifier: Apache-2.0
// Force unit access: the data of a request is on the medium when the request completes.
//
// If the unit has the FUA bit for the operation, the bit is used. A unit with a volatile cache and no FUA
// gets the operation, then SYNCHRONIZE CACHE of its range; the request completes after both. The need for a
// flush is decided when the commands have ended, because a proof may find meanwhile that the unit has a
// cache, or no FUA any more.
//
// A target that loses its power between the two commands loses the acknowledged write, and answers the
// SYNCHRONIZE CACHE after the next login with GOOD. A unit may also report by a deferred error that it has
// lost an acknowledged write. But we still have the data. So if the cache epoch has changed since the begin
// of the request, the request starts again, as often as its time permits.
#include "lun/unit.hpp"

namespace srpi::lun {
// Returns whether the request's next command has the FUA bit. The request may start again before `until`.
bool Unit::forces_unit_access(IoRequest& r, base::Time until) noexcept {
  auto& state = state_of(r);
  if (state.phase == Phase::plain) {
    state.phase = Phase::forced;
    state.cache_epoch = cache_epoch();
    state.begin_anew_until = until;
  }
  const bool by_bit = profile_.info.can_force_unit_access && r.operation == IoOperation::write;
  state.without_bit |= !by_bit;
  return by_bit;
}

// Called when all commands of the request or of its flush have ended. Returns true if the request is queued
// again for more commands.
bool Unit::forced_goes_on(IoRequest& r) noexcept {
  auto& state = state_of(r);
  const auto& info = profile_.info;
  const bool flushed = state.phase == Phase::forced_flush;
  const auto epoch = cache_epoch();
  const bool doubtful = state.cache_epoch != epoch;
  // A unit that no longer has FUA may refuse the bit or ignore it.
  const bool bit_in_vain = !state.without_bit && doubtful && !info.can_force_unit_access;
  if (bit_in_vain && r.status == Errc::illegal_request) r.status = Errc::ok;
  const bool anew = state.without_bit ? doubtful : bit_in_vain;
  const bool to_flush = state.without_bit && !flushed && info.write_cache;
  if (r.status != Errc::ok || !(anew || to_flush)) return false;

  if (state.aborted) {
    r.status = Errc::cancelled;  // the operator's abort only needs its commands to be over
    return false;
  }
  if (anew && clock_.now() >= state.begin_anew_until) {
    r.status = Errc::timed_out;
    return false;
  }
  if (anew) {
    state.cache_epoch = epoch;
    state.without_bit = false;
    begin_again(state, Phase::forced, r.operation);
  } else {
    begin_again(state, Phase::forced_flush, IoOperation::flush);
  }
  if (!may_get_work()) return false;
  queue_.push(r);
  return true;
}

}  // namespace srpi::lun
