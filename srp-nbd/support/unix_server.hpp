// SPDX-License-Identifier: Apache-2.0
// Listens at a Unix socket and serves each client in a coroutine.
//
// Threads: the executor's thread only. Lifetime: a client's coroutine may outlive the server. Then its socket
// is closed, and it must keep alive the objects that it uses.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "support/coroutine.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

inline constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;  // bytes
// Fails with invalid_argument if a Unix socket cannot have this path.
[[nodiscard]] Outcome<> check_socket_path(const std::string& path);
// The process at the other end of a connected Unix socket; nullopt if the kernel does not tell.
[[nodiscard]] std::optional<ucred> peer_of(int fd);

class UnixServer {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  // The client is disconnected when the coroutine ends.
  using Serve = std::function<awaitable<void>(Socket&)>;

  // Makes the socket, with mode 0600 from the start. Replaces a socket where no process answers. `name` begins
  // the lines of the log: an accept that fails, usually for lack of file descriptors, is tried again after
  // some time. Errors: those of check_socket_path, already_exists (a process answers there, or it is
  // no socket), permission_denied (also: others could replace the socket, see SocketFolder), not_found (no such
  // folder), no_memory, failed. A client is disconnected, as if descriptors were short, if fewer than
  // `spare_descriptors` of them (and fewer than a quarter) are left for others.
  [[nodiscard]] static Outcome<std::unique_ptr<UnixServer>> listen(Executor, const std::string& path,
                                                                   std::string name, Serve,
                                                                   std::size_t spare_descriptors = 0);
  // Does the same as stop_accepting, and closes the sockets of served clients.
  ~UnixServer();
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

  // Removes the socket from its folder, unless another one has replaced it. Served clients stay.
  void stop_accepting() noexcept;
  [[nodiscard]] bool is_accepting() const noexcept;
  // The number of served clients.
  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  struct State;
  explicit UnixServer(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;  // shared with its coroutines
};

}  // namespace srp_nbd
