// SPDX-License-Identifier: Apache-2.0
// The kinds of faults that a run may inject, and how often each fired.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace srpi::sim {

enum class Fault : std::uint8_t {
  // asked for at each delivery of the network (network.cpp)
  work_error,  // a work request fails, each completion status, delivered or not
  work_delay,  // longer than a command deadline at times
  cm_lost,
  cm_unreachable,
  cm_stale,
  cm_delay,
  login_cut,  // SRP_LOGIN_RSP shortened or with another opcode
  // asked for at each command that reaches the target (commands.cpp)
  busy,
  task_set_full,
  reservation_conflict,
  becoming_ready,
  medium_error,
  aborted_command,
  command_attention,  // a unit attention instead of an answer
  deferred_error,     // what the unit's volatile cache held is gone, and the answer says so
  lose_command,
  lose_response,
  hold,
  hold_medium,  // the data is fetched, the medium sees it later: perhaps after another login
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
  power_failure,  // offline, and what the volatile caches held is gone
  exchange_unit,  // another unit answers at the LUN for a while
  unit_away,      // a unit refuses whatever it is asked, for a while
  unit_hangs,     // a unit answers nothing, task management included, for a while
  login_reject,   // each reason and unknown ones
  bad_login_response,
  channel_reject,   // the same for further channels only
  break_initiator,  // its queue pair, with each status
  break_target,
  cm_disconnect,
  device_removed,
  slow_session,  // its poll comes late for a while
  slow_target,
  resize,
  read_only,
  admin_disconnect,
  admin_reconnect,
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
