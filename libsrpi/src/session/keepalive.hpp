// SPDX-License-Identifier: Apache-2.0
// Finds out whether the peer of a channel has become silent.
//
// The transport notices a peer that does not acknowledge a send. But a peer may fall silent after it has
// acknowledged everything. So the keepalive, a TEST UNIT READY, is sent if nothing was heard for some time:
// for SessionOptions::keepalive if nothing is outstanding, for kAnswersAwaited if answers are due. Any answer
// is fine, also a unit attention or an unknown LUN. Without an answer the channel fails.
//
//   quiet     nothing is outstanding
//   awaiting  answers are outstanding, since a time that is known
//   asked     the keepalive itself is on its way
#pragma once

#include "base/clock.hpp"
#include "session/channel_names.hpp"
#include "srpi/session_options.hpp"

namespace srpi::session {

class Keepalive {
 public:
  Keepalive(Channel&, const SessionOptions&) noexcept;
  Keepalive(const Keepalive&) = delete;
  Keepalive& operator=(const Keepalive&) = delete;

  // Notes whether answers are outstanding. Call it before due_at and before a sleep.
  void note_waiting(base::Time now) noexcept;
  // When the keepalive must be sent.
  [[nodiscard]] base::Time due_at(base::Time now) const noexcept;
  // Sends it now, unless it is on its way already.
  void send(std::uint64_t lun, base::Time now) noexcept;

 private:
  enum class State : std::uint8_t { quiet, awaiting, asked };
  static void on_complete(Command&) noexcept;

  Channel& channel_;
  const SessionOptions& options_;
  Command command_;
  State state_ = State::quiet;
  base::Time awaiting_since_{};
};

}  // namespace srpi::session
