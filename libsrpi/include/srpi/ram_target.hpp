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

}  // namespace srpi
