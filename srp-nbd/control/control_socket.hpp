// SPDX-License-Identifier: Apache-2.0
// Who may own a control socket, and who may talk to it. A lock file beside it makes sure that it has one owner.
#pragma once

#include <string>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

// Makes the folder of the control socket if it is missing, and locks PATH.lock in it. The lock is held while
// the descriptor is open. Errors: as ControlServer::listen.
[[nodiscard]] Outcome<UniqueFd> lock_control_path(const std::string& path);
// Adds to the message what to do if the path cannot be used.
[[nodiscard]] Failure with_advice(Failure);

// True if the peer process may give orders: it belongs to root or to the daemon's user.
[[nodiscard]] Outcome<> check_peer(int fd);

}  // namespace srp_nbd
