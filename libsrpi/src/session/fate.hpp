// SPDX-License-Identifier: Apache-2.0
// What becomes of a command when its channel ends. This is the only place that decides it.
//
//                            another channel lives   the session holds I/O   nothing goes on
//                            fence on    fence off   fence on   fence off
//   not sent                 resend      resend      hold       hold         end
//   sent, reads              resend      resend      hold       hold         end
//   sent, may change medium  in doubt    end         hold       end          end
//
// A command after its deadline ends. If it is in doubt, it ends after the fence. Our own commands
// (Command::rescue is false) always end.
//
// The reasons. After the queue pair is destroyed, nothing can reach a command's buffer, and a command that
// cannot change the medium may be sent again. But the target may still apply a write late. That is harmless
// only before we complete the write or send it again, so the fence must end it first. A write in doubt waits
// for a LOGICAL UNIT RESET over the other channels. A held write waits for the next login, which fences
// before it lets I/O through.
#pragma once

#include "base/clock.hpp"
#include "session/fence_marks.hpp"

namespace srpi::session {

// Returns false only for commands that are known not to change the medium.
[[nodiscard]] bool may_change_medium(const scsi::Cdb&) noexcept;

enum class Fate : std::uint8_t { end, resend, hold, in_doubt };

enum class Sent : std::uint8_t { no, yes };

// The situation after a channel has ended.
enum class Aftermath : std::uint8_t { another_channel, held_io, nothing };

[[nodiscard]] Fate fate_of(const Command&, Sent, Aftermath, bool fence, base::Time now) noexcept;

// The commands of ended channels, sorted by their fate.
struct Fates {
  // Also marks the unit of each sent command that may change the medium, because it must be fenced.
  void sort(CommandList, Sent, Aftermath, FenceMarks&) noexcept;
  // Completes the ended commands: with no_connect, or after their deadline with timed_out or cancelled.
  void complete_ended(Channel&) noexcept;

  bool fence = true;
  base::Time now{};
  CommandList end{}, resend{}, hold{}, in_doubt{};
};

// Ends a channel that carries no I/O of the session. All its commands complete with no_connect.
void close(Channel&, FenceMarks&, base::Time now) noexcept;

}  // namespace srpi::session
