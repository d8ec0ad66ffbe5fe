// SPDX-License-Identifier: Apache-2.0
// Making the control socket so that it has one owner: a lock beside it says who.
#pragma once

#include <string>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

struct ControlSocket {
  UniqueFd listener;  // listening, non-blocking, mode 0600
  UniqueFd lock;      // PATH.lock, locked for as long as it is open
};

// Errors: as ControlServer::listen.
[[nodiscard]] Outcome<ControlSocket> make_control_socket(const std::string& path);

// Whether the process at the other end may give orders: root's or the daemon's own user's.
[[nodiscard]] Outcome<> check_peer(int fd);

}  // namespace srp_nbd
