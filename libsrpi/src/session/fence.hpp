// SPDX-License-Identifier: Apache-2.0
// Which logical units an earlier connection's writes may still reach, and what becomes of the commands of a channel
// that ends.
//
// A write that was unanswered when its queue pair died is not over for the target: it may have all its data and
// apply them later, even after the next login, over a newer write that was acknowledged by then. Failing the request
// to its caller changes nothing about that, nor does it matter which side ended the connection. A LOGICAL UNIT RESET
// that the target answers with "function complete" ends it: the target has no task of that unit then (SAM-5 7.7).
#pragma once

#include "base/clock.hpp"
#include "base/lun_set.hpp"
#include "channel/channel.hpp"

namespace srpi::session {

// False only for commands that are known to leave the medium as it is.
[[nodiscard]] bool may_change_medium(const scsi::Cdb&) noexcept;

// The units that must be reset before new I/O goes to them.
struct FenceMarks {
  base::LunSet units;
  bool all_units = false;  // every unit that the session has, before it has found them
  [[nodiscard]] bool empty() const noexcept { return units.empty() && !all_units; }
};

// What follows the end of a channel.
enum class Aftermath {
  nothing_kept,  // all of its commands fail
  recovery,      // the session holds commands and logs in again
  others_live,   // other channels of the session carry on
};

// What becomes of a command of a channel that has ended, by the first row that applies. A command is in doubt if it
// was sent and may change the medium: the target may still apply it.
//
//                                      | nothing_kept | recovery | others_live
//   the session's own (not rescued)    | failed       | failed   | failed
//   in doubt, the fence is on          | failed       | *        | in_doubt
//   in doubt, the fence is off         | failed       | failed   | failed
//   past its deadline                  | failed       | failed   | failed
//   any other                          | failed       | kept     | kept
//
// * failed past its deadline, else kept: the next login fences before it is sent again.
enum class Fate { failed, kept, in_doubt };
[[nodiscard]] Fate fate_of(const channel::Command&, bool sent, Aftermath, bool fence,
                           base::Time now) noexcept;

// The commands that the session has to see to, in the order in which they were submitted.
struct LostCommands {
  channel::CommandList kept;
  channel::CommandList in_doubt;
};

// Ends the channel, marks the units of its commands in doubt, and completes the commands that fail.
[[nodiscard]] LostCommands end_channel(channel::Channel&, Aftermath, bool fence, base::Time now,
                                       FenceMarks&) noexcept;
// The same with nothing_kept.
void fail_channel(channel::Channel&, base::Time now, FenceMarks&) noexcept;

}  // namespace srpi::session
