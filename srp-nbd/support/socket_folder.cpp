// SPDX-License-Identifier: Apache-2.0
#include "support/socket_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace srp_nbd {
namespace {

constexpr std::size_t kMaxName = 80;  // behind /proc/self/fd/N/ there is no room for more

bool is_trusted(uid_t uid) { return uid == 0 || uid == ::geteuid(); }

Outcome<> check(const struct stat& there, const std::string& path) {
  if (!is_trusted(there.st_uid))
    return Failure{
        "permission_denied",
        fmt::format(
            "{} belongs to uid {}, who could replace the socket: choose a folder that belongs to root "
            "or to uid {}",
            path, there.st_uid, ::geteuid())};
  if (S_ISDIR(there.st_mode) && (there.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (there.st_mode & S_ISVTX) == 0)
    return Failure{
        "permission_denied",
        fmt::format("others may write in {} (mode {:o}) and could replace the socket: `chmod go-w {}`, or "
                    "choose another folder",
                    path, there.st_mode & 07777, path)};
  return {};
}

// Checks the owner of each symbolic link in the path: the owner can let the link point to another folder.
Outcome<> check_links(const std::filesystem::path& folder) {
  std::filesystem::path prefix;
  for (const auto& part : folder) {
    prefix /= part;
    struct stat there {};
    if (::lstat(prefix.c_str(), &there) != 0)
      return system_failure("cannot use the folder " + folder.string(), errno);
    if (!S_ISLNK(there.st_mode)) continue;
    if (auto ok = check(there, prefix.string()); !ok) return ok;
  }
  return {};
}

// The path of an open folder, for messages.
std::string path_of(int fd, const std::string& otherwise) {
  std::error_code error;
  const auto path = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), error);
  return error ? otherwise : path.string();
}

// The folder and all folders above it.
Outcome<> check_folders(int folder, const std::string& name) {
  UniqueFd above;
  struct stat there {};
  for (int fd = folder;;) {
    const auto child = there;
    if (::fstat(fd, &there) != 0) return system_failure("cannot use the folder " + name, errno);
    if (child.st_ino == there.st_ino && child.st_dev == there.st_dev) return {};  // the root is above itself
    if (auto ok = check(there, path_of(fd, name)); !ok) return ok;
    UniqueFd next(::openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!next) return system_failure("cannot look above the folder " + path_of(fd, name), errno);
    above = std::move(next);
    fd = above.get();
  }
}

}  // namespace

Outcome<SocketFolder> SocketFolder::of(const std::string& socket_path) {
  const std::filesystem::path path(socket_path);
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (!path.has_filename() || path.filename() == "." || path.filename() == "..")
    return Failure{"invalid_argument",
                   fmt::format("{} names a folder: expected the path of a socket", socket_path)};
  const auto name = path.filename().string();
  if (name.size() > kMaxName)
    return Failure{"invalid_argument", fmt::format("the name of a socket has at most {} bytes; '{}' has {}",
                                                   kMaxName, name, name.size())};
  if (auto ok = check_links(folder); !ok) return ok.error();
  UniqueFd fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return system_failure("cannot use the folder " + folder.string(), errno);
  if (auto ok = check_folders(fd.get(), folder.string()); !ok) return ok.error();
  return SocketFolder(std::move(fd), name);
}

std::string SocketFolder::socket_by_fd() const {
  return fmt::format("/proc/self/fd/{}/{}", fd_.get(), name_);
}

std::pair<dev_t, ino_t> SocketFolder::node() const noexcept {
  struct stat status {};
  if (::fstatat(fd_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return {status.st_dev, status.st_ino};
}

}  // namespace srp_nbd
