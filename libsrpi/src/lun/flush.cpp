// SPDX-License-Identifier: Apache-2.0
// Flushes, and acknowledged writes that the unit has lost.
//
// A unit reports a lost write by a deferred error in its answer to the next command, which it did not
// perform; that command is sent again. The error does not say which write is lost. So every flush in progress
// fails, because it promises all earlier writes. If there is none, the next flush fails, once, as with fsync.
// A write with force unit access in progress is done again (durable.cpp).
#include "lun/unit.hpp"

namespace srpi::lun {

void Unit::note_lost_write() noexcept {
  ++lost_writes_;
  loss_untold_ = true;
}

void Unit::submit_flush(IoRequest& r) noexcept {
  auto& state = state_of(r);
  state.phase = Phase::flush;
  state.cache_epoch = lost_writes_;
  // Without a volatile cache, GOOD means that the data is on the medium, so a flush needs no command. But it
  // fails if I/O fails. For a unit that is away, the flush is a command, so that it waits or fails like I/O.
  const bool asks = profile_.info.write_cache || profile_.info.away.code != Errc::ok;
  if (!profile_.info.write_cache && !nexus_.accepts_commands()) r.status = Errc::no_connect;
  (asks ? queue_ : settled_).push(r);
}

// The unit did not say whether it has a volatile cache. A unit that does not know SYNCHRONIZE CACHE has none.
void Unit::accept_missing_cache(IoRequest& r) noexcept {
  const bool unknown = r.status == Errc::not_supported || r.status == Errc::illegal_request;
  if (state_of(r).operation != IoOperation::flush || !unknown) return;
  profile_.info.write_cache = profile_.cache_assumed = false;
  r.status = Errc::ok;
}

// A flush that fails for another reason has not reported the lost write.
void Unit::end_flush(IoRequest& r) noexcept {
  if (r.status != Errc::ok || !(loss_untold_ || state_of(r).cache_epoch != lost_writes_)) return;
  r.status = Errc::medium_error;
  loss_untold_ = false;
}

}  // namespace srpi::lun
