// SPDX-License-Identifier: Apache-2.0
// What becomes of a command when its channel ends: the one place that decides it, for every way a channel ends.
//
//                            another channel lives   the session holds I/O   nothing goes on
//                            fence on    fence off   fence on   fence off
//   not sent                 resend      resend      hold       hold         end
//   sent, reads              resend      resend      hold       hold         end
//   sent, may change medium  in doubt    end         hold       end          end
//
// A command past its deadline ends, except where it would be in doubt: then it ends behind the fence. So does one of our
// own (Command::rescue false): nobody waits for it.
//
// Why. Once the queue pair is destroyed nothing can reach a command's buffer, and what cannot change the medium may be
// sent a second time. A write may still be applied late by the target: a completed or repeated one must not be. The
// fence ends it first: in doubt, the command waits for a LOGICAL UNIT RESET over the other channels; held, it waits for
// the next login, which fences before it lets I/O through.
#pragma once

#include "base/clock.hpp"
#include "session/fence_marks.hpp"

namespace srpi::session {

// False only for commands that are known to leave the medium as it is.
[[nodiscard]] bool may_change_medium(const scsi::Cdb&) noexcept;

enum class Fate : std::uint8_t { end, resend, hold, in_doubt };

enum class Sent : std::uint8_t { no, yes };

// What goes on after a channel has ended.
enum class Aftermath : std::uint8_t { another_channel, held_io, nothing };

[[nodiscard]] Fate fate_of(const Command&, Sent, Aftermath, bool fence, base::Time now) noexcept;

// The commands of ended channels, sorted by what becomes of them.
struct Fates {
  // Marks the unit of each command that was sent and may change the medium: it has to be fenced.
  void sort(CommandList, Sent, Aftermath, FenceMarks&) noexcept;
  // Completes those that end: with no_connect, or with what their deadline or an operator has said before.
  void complete_ended(Channel&) noexcept;

  bool fence = true;
  base::Time now{};
  CommandList end{}, resend{}, hold{}, in_doubt{};
};

// Ends a channel that carries no I/O of the session: everything on it completes with no_connect.
void close(Channel&, FenceMarks&, base::Time now) noexcept;

}  // namespace srpi::session
