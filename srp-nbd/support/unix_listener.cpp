// SPDX-License-Identifier: Apache-2.0
#include "support/unix_listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

namespace srp_nbd {
namespace {

constexpr int kBacklog = 128;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

UniqueFd unix_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

}  // namespace

SocketPathState clear_socket_path(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return SocketPathState::free;
  if (!S_ISSOCK(status.st_mode)) return SocketPathState::no_socket;
  const auto client = unix_socket();
  if (!client) return SocketPathState::failed;
  const auto address = address_of(path);
  // EAGAIN: a process listens there and is busy.
  if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN)
    return SocketPathState::served;
  if (errno != ECONNREFUSED) return SocketPathState::failed;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return SocketPathState::failed;
  return SocketPathState::free;
}

UniqueFd listen_at(const std::string& path) {
  auto fd = unix_socket();
  if (!fd) return {};
  ::fchmod(fd.get(), 0600);  // before bind, because the file gets the socket's mode
  const auto address = address_of(path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

}  // namespace srp_nbd
