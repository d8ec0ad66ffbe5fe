// SPDX-License-Identifier: Apache-2.0
// Force unit access: a request that is on the medium when it completes.
//
// Where the unit has the FUA bit for the operation, the bit does it. A unit with a volatile cache and no FUA
// is sent the operation, then SYNCHRONIZE CACHE of its range; the request completes after both. What a
// request needs is decided when its commands are over, for a command that is held or sent again may meet a
// unit that a proof has found changed: with a cache, or without FUA.
//
// A target that loses its power between the two loses the acknowledged write with its cache, and answers the
// SYNCHRONIZE CACHE that is sent again behind the next login with GOOD. A unit may also tell, by a deferred
// error, that it could not write what it had acknowledged. The data are still here. So if the cache epoch has
// changed since the request was begun, it is begun anew, as often as its time permits.
#include "lun/unit.hpp"

namespace srpi::lun {
namespace {

void begin_again(RequestState& state, Phase phase, IoOperation operation) noexcept {
  state.phase = phase;
  state.operation = operation;
  state.issued_blocks = 0;
  state.segment = state.segment_offset = 0;
  state.outstanding = 1;
}

}  // namespace

// For the next command of a request with force unit access: whether it has the FUA bit. The request may be
// begun anew before `until`.
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

// All commands of the request, or of its flush, are over. True: there is more to do for it, and it is queued
// again.
bool Unit::forced_goes_on(IoRequest& r) noexcept {
  auto& state = state_of(r);
  const auto& info = profile_.info;
  const bool flushed = state.phase == Phase::forced_flush;
  const auto epoch = cache_epoch();
  const bool doubtful = state.cache_epoch != epoch;
  // A unit that has lost its FUA since may refuse the bit, or ignore it.
  const bool bit_in_vain = !state.without_bit && doubtful && !info.can_force_unit_access;
  if (bit_in_vain && r.status == Errc::illegal_request) r.status = Errc::ok;
  const bool anew = state.without_bit ? doubtful : bit_in_vain;
  const bool to_flush = state.without_bit && !flushed && info.write_cache;
  if (r.status != Errc::ok || !(anew || to_flush)) return false;

  if (state.aborted) {
    r.status = Errc::cancelled;  // its commands are over, which is what the operator's abort is for
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
  queue(r, queue_);
  return true;
}

}  // namespace srpi::lun
