// SPDX-License-Identifier: Apache-2.0
// The path of the control socket.
#pragma once

#include <string>

namespace srp_nbd {

// For root: /run/srp-nbd/control.sock. For others: $XDG_RUNTIME_DIR/srp-nbd/control.sock, or
// /tmp/srp-nbd-UID/control.sock without a runtime directory. $SRP_NBD_CONTROL overrides it.
[[nodiscard]] std::string default_control_path();

}  // namespace srp_nbd
