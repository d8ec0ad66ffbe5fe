// SPDX-License-Identifier: Apache-2.0
#include "control/control_socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "support/unix_server.hpp"

namespace srp_nbd {
namespace {

// A user who can rename files in the folder can replace our socket.
Outcome<> check_folder(const std::string& folder) {
  struct stat there {};
  if (::stat(folder.c_str(), &there) != 0)
    return with_advice(system_failure("cannot use the folder " + folder, errno));
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

Failure with_advice(Failure failure) {
  if (failure.code == "permission_denied")
    failure.message += "; run as root, or choose a path of your own with --control";
  if (failure.code == "already_exists") failure.message += "; choose another path with --control";
  return failure;
}

Outcome<UniqueFd> lock_control_path(const std::string& path) {
  if (auto ok = check_socket_path(path); !ok) return ok.error();
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return with_advice(system_failure("cannot make the folder " + folder.string(), errno));
  if (auto ok = check_folder(folder.empty() ? "." : folder.string()); !ok) return ok.error();

  const auto lock_path = path + ".lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return with_advice(system_failure("cannot open " + lock_path, errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return system_failure("cannot lock " + lock_path, errno);
  return Failure{"already_exists",
                 fmt::format("an srp-nbd daemon is already running at {}: use that one, or give this one "
                             "another path with --control",
                             path)};
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
