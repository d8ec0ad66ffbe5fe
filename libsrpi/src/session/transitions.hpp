// SPDX-License-Identifier: Apache-2.0
// The session's state machine as data: one row for every (state, event) pair. The driver (nexus.cpp) performs the
// actions; nothing else in the library decides about states.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "srpi/session.hpp"

namespace srpi::session {

// The published states, with `disconnected` told apart by what happens next.
enum class State : std::uint8_t {
  connecting,  // an attempt that somebody asked for is under way
  live,
  recovering,     // lost by accident, I/O is held until fast_io_fail ends
  lost,           // published as disconnected: lost by accident, I/O fails, automatic attempts go on
  disconnecting,  // being torn down because an administrator said so
  stopped,        // published as disconnected: until somebody asks for a reconnect
  erased,
};
inline constexpr std::size_t kStates = 7;

enum class Event : std::uint8_t {
  attempt_succeeded,  // logged in, and the logical units are the ones we know
  attempt_failed,     // a later attempt may succeed
  attempt_refused,    // it cannot: wrong ids, no access, another logical unit
  connection_lost,    // queue pair error, CM event, keepalive or command deadline
  drained,            // no request is outstanding and nothing can reach memory
  disconnect_requested,
  reconnect_requested,
  erase_requested,
  retry_due,
  fast_io_fail_expired,
  dev_loss_expired,
  ended_for_good,  // must not come back by itself: another unit answers, or another initiator has our port id
};
inline constexpr std::size_t kEvents = 12;

enum class Action : std::uint8_t {
  none,
  ignore,          // the event is late or without consequence in this state
  impossible,      // the driver never raises it here: a broken invariant, not a peer's doing
  start_attempt,   // cancel what runs, connect now
  schedule_retry,  // arm the growing delay
  go_live,         // stop the timers, let I/O through
  lose,  // tear the channel down, fail what is outstanding, start timers and the first automatic attempt
  fail_held_io,
  abandon,    // tear the channel down, fail outstanding and held I/O, stop timers
  give_up,    // stop attempts and timers, fail held I/O
  tear_down,  // stop everything, tear the channel down, fail outstanding and held I/O
};

struct Transition {
  State state;
  Event event;
  State next;
  Action action;
};

[[nodiscard]] const Transition& transition(State, Event) noexcept;
[[nodiscard]] const std::array<Transition, kStates * kEvents>& transitions() noexcept;

[[nodiscard]] SessionState published(State) noexcept;
[[nodiscard]] const char* to_string(State) noexcept;
[[nodiscard]] const char* to_string(Event) noexcept;
[[nodiscard]] const char* to_string(Action) noexcept;
[[nodiscard]] std::string to_mermaid();  // the diagram in docs/session-states.md

}  // namespace srpi::session
