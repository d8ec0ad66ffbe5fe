// SPDX-License-Identifier: Apache-2.0
// The session's state machine as data: one row for every pair of state and event. The driver (nexus.cpp)
// performs the actions. No other code decides about states.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "srpi/session.hpp"

namespace srpi::session {

// The published states, but `disconnected` is divided into `lost` and `stopped`.
enum class State : std::uint8_t {
  connecting,  // a requested attempt runs
  live,
  recovering,     // after a loss; I/O is held until fast_io_fail ends
  lost,           // published as disconnected: after a loss, I/O fails, automatic attempts go on
  disconnecting,  // an administrator's disconnect runs
  stopped,        // published as disconnected: waits for reconnect
  erased,
};
inline constexpr std::size_t kStates = 7;

enum class Event : std::uint8_t {
  attempt_succeeded,        // logged in, and the logical units are the same
  attempt_failed,           // a later attempt may succeed
  attempt_failed_for_good,  // no later attempt can: wrong ids, no access, another logical unit
  connection_lost,          // queue pair error, CM event, keepalive or command deadline
  drained,                  // no request is outstanding and nothing can reach memory
  disconnect_requested,
  reconnect_requested,
  erase_requested,
  retry_due,
  fast_io_fail_expired,
  dev_loss_expired,
  ended_for_good,  // must not reconnect by itself: another unit answers, or another initiator has our port id
};
inline constexpr std::size_t kEvents = 12;

enum class Action : std::uint8_t {
  none,
  ignore,          // the event has no effect in this state
  impossible,      // the driver does not raise it here; if it does, an invariant is broken
  start_attempt,   // cancel a running attempt, connect now
  schedule_retry,  // start the growing delay
  go_live,         // stop the timers, let I/O through
  lose,  // tear down the channels; hold commands during fast_io_fail, fail the others; start the first attempt
  fail_held_io,
  abandon,    // tear down the channels, fail all I/O, stop timers
  give_up,    // stop attempts and timers, fail held I/O
  tear_down,  // stop everything, tear down the channels, fail all I/O
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
