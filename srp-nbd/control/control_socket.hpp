// SPDX-License-Identifier: Apache-2.0
// Makes the control socket. A lock file beside it makes sure that it has one owner.
#pragma once

#include <string>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

struct ControlSocket {
  UniqueFd listener;  // listening, non-blocking, mode 0600
  UniqueFd lock;      // PATH.lock, locked while it is open
};

// Errors: as ControlServer::listen.
[[nodiscard]] Outcome<ControlSocket> make_control_socket(const std::string& path);

// True if the peer process may give orders: it belongs to root or to the daemon's user.
[[nodiscard]] Outcome<> check_peer(int fd);

}  // namespace srp_nbd
