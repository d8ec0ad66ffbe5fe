// SPDX-License-Identifier: Apache-2.0
// The kinds of faults, and counters of how often each fired.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace srpi::sim {

enum class Fault : std::uint8_t {
  // decided for each delivery of the network (network.cpp)
  work_error,  // a work request fails with any status, delivered or not
  work_delay,  // sometimes longer than a command deadline
  cm_lost,
  cm_unreachable,
  cm_stale,
  cm_delay,
  login_cut,  // SRP_LOGIN_RSP is cut or has another opcode
  // decided for each command that reaches the target (commands.cpp)
  busy,
  task_set_full,
  reservation_conflict,
  becoming_ready,
  medium_error,
  aborted_command,
  command_attention,  // the command ends with a unit attention
  deferred_error,     // the unit loses its volatile cache, and the answer reports that
  lose_command,
  lose_response,
  hold,
  hold_medium,  // the data is fetched, but written later, perhaps after another login
  wrong_residual,
  malformed_response,
  // injected at random moments (injector.cpp)
  unknown_tag,
  duplicate_response,
  garbage_unit,
  oversize_unit,
  credit_grow,
  credit_shrink,
  credit_storm,
  credit_overflow,
  async_event,
  logout,
  attention,
  drop_connections,
  target_offline,
  power_failure,  // offline, and the volatile caches are lost
  exchange_unit,  // for a while, a different unit answers at the LUN
  unit_away,      // for a while, a unit refuses all commands
  unit_hangs,     // for a while, a unit answers nothing, task management included
  login_reject,   // with each reason and with unknown ones
  bad_login_response,
  channel_reject,   // only for further channels
  break_initiator,  // its queue pair fails, with each status
  break_target,
  cm_disconnect,
  device_removed,
  slow_session,  // for a while, its poll is called late
  slow_target,
  resize,
  read_only,
  unit_appears,   // the target adds a unit, or brings one back
  unit_vanishes,  // the target removes a unit for a while
  odd_answers,    // for a while, questions get odd answers
  admin_disconnect,
  admin_reconnect,
  admin_rescan,
  admin_erase,
};
inline constexpr std::size_t kFaults = static_cast<std::size_t>(Fault::admin_erase) + 1;
inline constexpr Fault kFirstCommandFault = Fault::busy;
inline constexpr Fault kFirstTimedFault = Fault::unknown_tag;

[[nodiscard]] const char* to_string(Fault) noexcept;

class FaultCounts {
 public:
  void fired(Fault f) noexcept { ++counts_[static_cast<std::size_t>(f)]; }
  [[nodiscard]] std::uint64_t of(Fault f) const noexcept { return counts_[static_cast<std::size_t>(f)]; }
  void add(const FaultCounts& other) noexcept {
    for (std::size_t i = 0; i < kFaults; ++i) counts_[i] += other.counts_[i];
  }

 private:
  std::array<std::uint64_t, kFaults> counts_{};
};

}  // namespace srpi::sim
