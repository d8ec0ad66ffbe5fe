// SPDX-License-Identifier: Apache-2.0
#include "control/control_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "support/unix_listener.hpp"

namespace srp_nbd {
namespace {

Failure system_failure(std::string_view what, const std::string& path, int error) {
  const char* code = "failed";
  if (error == EACCES || error == EPERM || error == EROFS) code = "permission_denied";
  if (error == ENOENT || error == ENOTDIR) code = "not_found";
  return {code,
          fmt::format("{} {}: {}{}", what, path, std::strerror(error),
                      error == EACCES ? "; run as root, or choose a path of your own with --control" : "")};
}

Failure taken(const std::string& path) {
  return {"already_exists",
          fmt::format("an srp-nbd daemon is already running at {}: use that one, or give this one "
                      "another path with --control",
                      path)};
}

// Makes the path free. Fails if another process uses it.
Outcome<> clear_path(const std::string& path) {
  switch (clear_socket_path(path)) {
    case SocketPathState::free: return {};
    case SocketPathState::served: return taken(path);
    case SocketPathState::no_socket:
      return Failure{
          "already_exists",
          fmt::format("{} exists and is not a socket: remove it, or choose another path with --control",
                      path)};
    case SocketPathState::failed: break;
  }
  return system_failure("cannot remove the stale socket", path, errno);
}

// A user who can rename files in the folder can replace our socket.
Outcome<> check_folder(const std::string& folder) {
  struct stat there {};
  if (::stat(folder.c_str(), &there) != 0) return system_failure("cannot use the folder", folder, errno);
  const auto instead = "give the control socket another place with --control";
  if (there.st_uid != 0 && there.st_uid != ::geteuid())
    return Failure{"permission_denied",
                   fmt::format("{} belongs to uid {}: {}", folder, there.st_uid, instead)};
  if ((there.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (there.st_mode & S_ISVTX) == 0)
    return Failure{"permission_denied", fmt::format("others may write in {} (mode {:o}): {}", folder,
                                                    there.st_mode & 07777, instead)};
  return {};
}

}  // namespace

Outcome<ControlSocket> make_control_socket(const std::string& path) {
  if (!fits_socket_address(path))
    return Failure{"invalid_argument", fmt::format("the control socket's path must have 1 to {} characters",
                                                   kMaxSocketPathBytes)};
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return system_failure("cannot make the folder", folder.string(), errno);
  if (auto ok = check_folder(folder.empty() ? "." : folder.string()); !ok) return ok.error();

  ControlSocket result;
  const auto lock_path = path + ".lock";
  result.lock.reset(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!result.lock) return system_failure("cannot open", lock_path, errno);
  if (::flock(result.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return taken(path);
    return system_failure("cannot lock", lock_path, errno);
  }

  if (auto ok = clear_path(path); !ok) return ok.error();
  result.listener = listen_at(path);
  if (!result.listener) return system_failure("cannot make the control socket", path, errno);
  return result;
}

Outcome<> check_peer(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return Failure{"permission_denied", "the kernel does not report the uid of this client"};
  if (peer.uid != 0 && peer.uid != ::geteuid())
    return Failure{
        "permission_denied",
        fmt::format("this daemon takes orders from root and uid {}, not from uid {}", ::geteuid(), peer.uid)};
  return {};
}

}  // namespace srp_nbd
