// SPDX-License-Identifier: Apache-2.0
#include "faults.hpp"

#include <iterator>

namespace srpi::sim {
namespace {

// In the order of the enumeration.
constexpr const char* kNames[] = {
    "work_error",
    "work_delay",
    "cm_lost",
    "cm_unreachable",
    "cm_stale",
    "cm_delay",
    "login_cut",
    "busy",
    "task_set_full",
    "reservation_conflict",
    "becoming_ready",
    "medium_error",
    "aborted_command",
    "command_attention",
    "deferred_error",
    "lose_command",
    "lose_response",
    "hold",
    "hold_medium",
    "wrong_residual",
    "malformed_response",
    "unknown_tag",
    "duplicate_response",
    "garbage_unit",
    "oversize_unit",
    "credit_grow",
    "credit_shrink",
    "credit_storm",
    "credit_overflow",
    "async_event",
    "logout",
    "attention",
    "drop_connections",
    "target_offline",
    "power_failure",
    "exchange_unit",
    "unit_away",
    "unit_hangs",
    "login_reject",
    "bad_login_response",
    "channel_reject",
    "break_initiator",
    "break_target",
    "cm_disconnect",
    "device_removed",
    "slow_session",
    "slow_target",
    "resize",
    "read_only",
    "unit_appears",
    "unit_vanishes",
    "odd_answers",
    "admin_disconnect",
    "admin_reconnect",
    "admin_rescan",
    "admin_erase",
};
static_assert(std::size(kNames) == kFaults);

}  // namespace

const char* to_string(Fault fault) noexcept { return kNames[static_cast<std::size_t>(fault)]; }

}  // namespace srpi::sim
