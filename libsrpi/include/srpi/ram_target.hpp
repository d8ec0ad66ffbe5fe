// SPDX-License-Identifier: Apache-2.0
// Control of the built-in target, which a ram:// session has to itself.
#pragma once

#include "srpi/export.hpp"
#include "srpi/session.hpp"

namespace srpi {

// Switches the session's built-in target off or on, like a target that goes away and comes back. Its contents
// stay. The session notices in later polls. Permitted in every state of the session, on its thread.
// Errors: not_supported (the session's target is not the built-in one).
[[nodiscard]] SRPI_EXPORT Result<> set_ram_target_online(Session&, bool online);

// Adds a unit to the session's built-in target, or brings one back that was removed (bytes = 0), with its contents. The
// target reports it with the next command of the session, which rescans then (Session::rescan).
// Errors: not_supported; already_exists; no_such_lun (bytes = 0, and there never was one); invalid_argument (a LUN
// beyond 1023, a size that is no whole number of blocks); no_memory.
[[nodiscard]] SRPI_EXPORT Result<> add_ram_unit(Session&, std::uint16_t lun, std::uint64_t bytes);
// Removes a unit, as an operator of the target may do at any time. Errors: not_supported; no_such_lun.
[[nodiscard]] SRPI_EXPORT Result<> remove_ram_unit(Session&, std::uint16_t lun);

}  // namespace srpi
