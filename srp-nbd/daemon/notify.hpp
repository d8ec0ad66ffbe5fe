// SPDX-License-Identifier: Apache-2.0
// Reports the daemon's state to a service manager ($NOTIFY_SOCKET).
#pragma once

#include <string_view>

namespace srp_nbd {

void notify_service_manager(std::string_view state) noexcept;  // "READY=1", "STOPPING=1"

}  // namespace srp_nbd
