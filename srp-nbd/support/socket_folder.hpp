// SPDX-License-Identifier: Apache-2.0
// The folder of a Unix socket. It is checked once and then held open, so that no other user can replace the socket, or
// make us create or remove a file elsewhere.
#pragma once

#include <string>
#include <utility>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

class SocketFolder {
 public:
  // Opens the folder of this path and checks it: the folder, all folders above it, and the symbolic links on the way
  // belong to root or to our user; and other users may write only to folders with the sticky bit. Errors:
  // permission_denied (names the folder, and what to change), not_found, failed.
  [[nodiscard]] static Outcome<SocketFolder> of(const std::string& socket_path);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // of the socket
  // A path to the socket by the open folder, for bind and connect.
  [[nodiscard]] std::string socket_by_fd() const;
  // The identity of the socket's file; zeros if there is none.
  [[nodiscard]] std::pair<dev_t, ino_t> node() const noexcept;

 private:
  SocketFolder(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  UniqueFd fd_;
  std::string name_;
};

}  // namespace srp_nbd
