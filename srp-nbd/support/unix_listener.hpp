// SPDX-License-Identifier: Apache-2.0
// Makes listening Unix sockets, and checks their paths.
#pragma once

#include <sys/un.h>

#include <string>

#include "support/unique_fd.hpp"

namespace srp_nbd {

enum class SocketPathState {
  free,       // nothing is there any more; a socket where nobody answered was removed
  served,     // a process answers there
  no_socket,  // something else is there
  failed,     // unknown; errno has the reason
};
[[nodiscard]] SocketPathState clear_socket_path(const std::string& path);

inline constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;
[[nodiscard]] inline bool fits_socket_address(const std::string& path) noexcept {
  return !path.empty() && path.size() <= kMaxSocketPathBytes;
}

// Listens at a free path of valid length. The socket is non-blocking and has mode 0600 from the start.
// Returns an empty descriptor and sets errno after a failure.
[[nodiscard]] UniqueFd listen_at(const std::string& path);

}  // namespace srp_nbd
