// SPDX-License-Identifier: Apache-2.0
// A flush that the caller asks for, and writes that the unit had acknowledged and lost.
//
// A unit tells of a lost write by a deferred error, in its answer to whatever command comes next; that
// command was not performed and is sent again. The error does not say which write is lost. So each flush that
// is under way then fails, since it promises all writes before it; if none is under way, the next one fails,
// once, as fsync does. A write with force unit access that is under way is done again (durable.cpp).
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
  // Without a volatile cache GOOD means that the medium has it: nothing to flush. But the flush fails where
  // I/O does. A unit that is away is asked all the same: the flush then waits or fails as its I/O does.
  const bool asks = profile_.info.write_cache || profile_.info.away.code != Errc::ok;
  if (!profile_.info.write_cache && !nexus_.accepts_commands()) r.status = Errc::no_connect;
  queue(r, asks ? queue_ : settled_);
}

// A flush that fails for another reason has not told of a lost write.
void Unit::end_flush(IoRequest& r) noexcept {
  if (r.status != Errc::ok || !(loss_untold_ || state_of(r).cache_epoch != lost_writes_)) return;
  r.status = Errc::medium_error;
  loss_untold_ = false;
}

}  // namespace srpi::lun
