// SPDX-License-Identifier: Apache-2.0
// Finds out whether the peer of one channel has fallen silent.
//
// A peer that does not acknowledge what we send is noticed by the transport. What it acknowledged before may wait for
// its answers for ever. So a TEST UNIT READY goes to it when nothing was heard for a while: for SessionOptions::keepalive
// where nothing is outstanding, for kAnswersAwaited where it owes us answers. Any answer will do, also a unit attention
// or an unknown LUN; without an answer the channel fails.
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

  // Looks whether answers are outstanding. Before each look at due_at, and before a sleep.
  void note_waiting(base::Time now) noexcept;
  // When the keepalive is to be sent.
  [[nodiscard]] base::Time due_at(base::Time now) const noexcept;
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
