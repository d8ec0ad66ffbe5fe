// SPDX-License-Identifier: Apache-2.0
// A listening Unix socket, and what may stand in its way.
#pragma once

#include <sys/un.h>

#include <string>

#include "support/unique_fd.hpp"

namespace srp_nbd {

enum class SocketPathState {
  free,       // nothing is there, or was a socket that nobody answers at: that is removed now
  served,     // a process answers there
  no_socket,  // something else is there
  failed,     // errno says why it cannot be told
};
[[nodiscard]] SocketPathState clear_socket_path(const std::string& path);

inline constexpr std::size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;
[[nodiscard]] inline bool fits_socket_address(const std::string& path) noexcept {
  return !path.empty() && path.size() <= kMaxSocketPathBytes;
}

// Listens at a free path that fits. The socket is non-blocking and has mode 0600 from its first moment on. Empty: errno
// says why.
[[nodiscard]] UniqueFd listen_at(const std::string& path);

}  // namespace srp_nbd
