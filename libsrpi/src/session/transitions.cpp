// SPDX-License-Identifier: Apache-2.0
#include "session/transitions.hpp"

namespace srpi::session {
namespace {

using enum State;
using enum Event;
using enum Action;
using Table = std::array<Transition, kStates * kEvents>;

// In the order of the enumerations, which the static_assert below checks.
constexpr Table kTable{{
    {connecting, attempt_succeeded, live, go_live},
    {connecting, attempt_failed, lost, schedule_retry},
    {connecting, attempt_failed_for_good, stopped, give_up},
    {connecting, connection_lost, connecting,
     impossible},  // the loss of an attempt's connection is attempt_failed
    {connecting, drained, connecting, impossible},
    {connecting, disconnect_requested, disconnecting, tear_down},
    {connecting, reconnect_requested, connecting, Action::ignore},  // an attempt runs already
    {connecting, erase_requested, erased, tear_down},
    {connecting, retry_due, connecting, Action::ignore},
    {connecting, fast_io_fail_expired, connecting, Action::ignore},
    {connecting, dev_loss_expired, erased, tear_down},
    {connecting, ended_for_good, connecting, impossible},

    {live, attempt_succeeded, live, impossible},
    {live, attempt_failed, live, impossible},
    {live, attempt_failed_for_good, live, impossible},
    {live, connection_lost, recovering, lose},
    {live, drained, live, impossible},
    {live, disconnect_requested, disconnecting, tear_down},
    {live, reconnect_requested, live, Action::ignore},
    {live, erase_requested, erased, tear_down},
    {live, retry_due, live, Action::ignore},
    {live, fast_io_fail_expired, live, Action::ignore},
    {live, dev_loss_expired, live, Action::ignore},
    {live, ended_for_good, stopped, abandon},

    {recovering, attempt_succeeded, live, go_live},
    {recovering, attempt_failed, recovering, schedule_retry},
    {recovering, attempt_failed_for_good, stopped, give_up},
    {recovering, connection_lost, recovering, impossible},
    {recovering, drained, recovering, impossible},
    {recovering, disconnect_requested, disconnecting, tear_down},
    {recovering, reconnect_requested, recovering, start_attempt},
    {recovering, erase_requested, erased, tear_down},
    {recovering, retry_due, recovering, start_attempt},
    {recovering, fast_io_fail_expired, lost, fail_held_io},
    {recovering, dev_loss_expired, erased, tear_down},
    {recovering, ended_for_good, recovering, impossible},

    {lost, attempt_succeeded, live, go_live},
    {lost, attempt_failed, lost, schedule_retry},
    {lost, attempt_failed_for_good, stopped, give_up},
    {lost, connection_lost, lost, impossible},
    {lost, drained, lost, impossible},
    {lost, disconnect_requested, disconnecting, tear_down},
    {lost, reconnect_requested, connecting, start_attempt},
    {lost, erase_requested, erased, tear_down},
    {lost, retry_due, lost, start_attempt},
    {lost, fast_io_fail_expired, lost, Action::ignore},
    {lost, dev_loss_expired, erased, tear_down},
    {lost, ended_for_good, lost, impossible},

    {disconnecting, attempt_succeeded, disconnecting, impossible},
    {disconnecting, attempt_failed, disconnecting, impossible},
    {disconnecting, attempt_failed_for_good, disconnecting, impossible},
    {disconnecting, connection_lost, disconnecting, impossible},
    {disconnecting, drained, stopped, none},
    {disconnecting, disconnect_requested, disconnecting, Action::ignore},
    {disconnecting, reconnect_requested, disconnecting, Action::ignore},
    {disconnecting, erase_requested, erased, tear_down},
    {disconnecting, retry_due, disconnecting, Action::ignore},
    {disconnecting, fast_io_fail_expired, disconnecting, Action::ignore},
    {disconnecting, dev_loss_expired, disconnecting, Action::ignore},
    {disconnecting, ended_for_good, disconnecting, impossible},

    {stopped, attempt_succeeded, stopped, impossible},
    {stopped, attempt_failed, stopped, impossible},
    {stopped, attempt_failed_for_good, stopped, impossible},
    {stopped, connection_lost, stopped, impossible},
    {stopped, drained, stopped, impossible},
    {stopped, disconnect_requested, stopped, none},  // the administrator is the cause now
    {stopped, reconnect_requested, connecting, start_attempt},
    {stopped, erase_requested, erased, tear_down},
    {stopped, retry_due, stopped, Action::ignore},
    {stopped, fast_io_fail_expired, stopped, Action::ignore},
    {stopped, dev_loss_expired, stopped, Action::ignore},
    {stopped, ended_for_good, stopped, impossible},

    {erased, attempt_succeeded, erased, impossible},
    {erased, attempt_failed, erased, impossible},
    {erased, attempt_failed_for_good, erased, impossible},
    {erased, connection_lost, erased, impossible},
    {erased, drained, erased, none},  // ends the tear-down of erase
    {erased, disconnect_requested, erased, Action::ignore},
    {erased, reconnect_requested, erased, Action::ignore},
    {erased, erase_requested, erased, Action::ignore},
    {erased, retry_due, erased, Action::ignore},
    {erased, fast_io_fail_expired, erased, Action::ignore},
    {erased, dev_loss_expired, erased, Action::ignore},
    {erased, ended_for_good, erased, impossible},
}};

constexpr bool is_complete(const Table& table) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto& row = table[i];
    if (static_cast<std::size_t>(row.state) != i / kEvents) return false;
    if (static_cast<std::size_t>(row.event) != i % kEvents) return false;
    if ((row.action == Action::ignore || row.action == impossible) && row.next != row.state) return false;
  }
  return true;
}
static_assert(is_complete(kTable), "every (state, event) pair once, in order; ignored events change nothing");

}  // namespace

const Table& transitions() noexcept { return kTable; }

const Transition& transition(State state, Event event) noexcept {
  return kTable[static_cast<std::size_t>(state) * kEvents + static_cast<std::size_t>(event)];
}

SessionState published(State state) noexcept {
  switch (state) {
    case connecting: return SessionState::connecting;
    case live: return SessionState::live;
    case recovering: return SessionState::recovering;
    case disconnecting: return SessionState::disconnecting;
    case lost:
    case stopped: return SessionState::disconnected;
    case erased: return SessionState::erased;
  }
  return SessionState::erased;
}

const char* to_string(State state) noexcept {
  switch (state) {
    case connecting: return "connecting";
    case live: return "live";
    case recovering: return "recovering";
    case lost: return "lost";
    case disconnecting: return "disconnecting";
    case stopped: return "stopped";
    case erased: return "erased";
  }
  return "?";
}

const char* to_string(Event event) noexcept {
  switch (event) {
    case attempt_succeeded: return "attempt_succeeded";
    case attempt_failed: return "attempt_failed";
    case attempt_failed_for_good: return "attempt_failed_for_good";
    case connection_lost: return "connection_lost";
    case drained: return "drained";
    case disconnect_requested: return "disconnect_requested";
    case reconnect_requested: return "reconnect_requested";
    case erase_requested: return "erase_requested";
    case retry_due: return "retry_due";
    case fast_io_fail_expired: return "fast_io_fail_expired";
    case dev_loss_expired: return "dev_loss_expired";
    case ended_for_good: return "ended_for_good";
  }
  return "?";
}

const char* to_string(Action action) noexcept {
  switch (action) {
    case none: return "none";
    case Action::ignore: return "ignore";
    case impossible: return "impossible";
    case start_attempt: return "start_attempt";
    case schedule_retry: return "schedule_retry";
    case go_live: return "go_live";
    case lose: return "lose";
    case fail_held_io: return "fail_held_io";
    case abandon: return "abandon";
    case give_up: return "give_up";
    case tear_down: return "tear_down";
  }
  return "?";
}

std::string to_mermaid() {
  std::string out = "stateDiagram-v2\n    [*] --> connecting\n";
  for (const auto& row : kTable) {
    if (row.action == Action::ignore || row.action == impossible) continue;
    if (row.state == erased) continue;  // its tear-down does not change the state
    out += std::string("    ") + to_string(row.state) + " --> " + to_string(row.next) + " : " +
           to_string(row.event);
    if (row.action != none) out += std::string(" / ") + to_string(row.action);
    out += "\n";
  }
  return out + "    erased --> [*]\n";
}

}  // namespace srpi::session
