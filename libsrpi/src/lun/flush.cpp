// SPDX-License-Identifier: Apache-2.0
// A flush of the caller's, and what it has to tell beside its own outcome: writes that the unit had
// acknowledged and lost.
//
// A unit tells of them by a deferred error, in the answer to whatever command comes next; that one is sent
// again, for it was not performed. Which write it was nobody knows, so every flush fails that was under way
// then, since each promises what came before it; or else the next one, once, as fsync does it. A write with
// force unit access that is under way is done again (durable.cpp).
#include "lun/unit.hpp"

namespace srpi::lun {

void Unit::note_lost_write() noexcept {
  ++lost_writes_;
  loss_untold_ = true;
}

void Unit::submit_flush(IoRequest& r) noexcept {
  r.durable = {.on_complete = r.on_complete,
               .unit = this,
               .operation = r.operation,
               .aborted = false,
               .unforced = false,
               .cache_epoch = lost_writes_,
               .begin_anew_until = {}};
  r.on_complete = &Unit::on_flushed;
  // Without a volatile cache GOOD means that the medium has it: nothing to flush. But it fails where I/O does.
  // One that is away is asked all the same: the flush then waits or fails as its I/O does.
  const bool asks = profile_.info.write_cache || profile_.info.away.code != Errc::ok;
  if (!profile_.info.write_cache && !nexus_.accepts_commands()) r.status = Errc::no_connect;
  (asks ? queue_ : settled_).push(r);
}

void Unit::on_flushed(IoRequest& r) noexcept {
  auto& unit = *static_cast<Unit*>(r.durable.unit);
  // One that fails for another reason has not told of it.
  if (r.status == Errc::ok && (unit.loss_untold_ || r.durable.cache_epoch != unit.lost_writes_)) {
    r.status = Errc::medium_error;
    unit.loss_untold_ = false;
  }
  r.on_complete = r.durable.on_complete;
  r.on_complete(r);
}

}  // namespace srpi::lun
