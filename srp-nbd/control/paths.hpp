// SPDX-License-Identifier: Apache-2.0
// Where the daemon and its clients meet.
#pragma once

#include <string>

namespace srp_nbd {

// root: /run/srp-nbd/control.sock; others: $XDG_RUNTIME_DIR/srp-nbd/control.sock, or /tmp/srp-nbd-UID/control.sock where
// there is no runtime directory. $SRP_NBD_CONTROL overrides.
[[nodiscard]] std::string default_control_path();

}  // namespace srp_nbd
