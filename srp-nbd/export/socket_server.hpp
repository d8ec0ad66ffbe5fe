// SPDX-License-Identifier: Apache-2.0
// Serves NBD clients on a Unix socket: accepts, negotiates (fixed newstyle), and hands the socket on to a lane.
// Everything runs on the io_context given; nothing here blocks.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nbd/export_info.hpp"
#include "srpi/error.hpp"

namespace srp_nbd {

struct SocketServerOptions {
  std::string path;                                      // made with mode 0600, removed at the end
  std::uint32_t max_clients = 16;                        // negotiating and served; more are refused at accept
  std::chrono::milliseconds negotiation_timeout{10000};  // all of it, from accept to the transmission phase
};

struct SocketServerCallbacks {
  // What can be opened now; asked at each negotiation. The first is also the default export, "".
  std::function<std::vector<ExportInfo>()> exports;
  // A client has chosen: `fd` is the callee's now (serve_nbd takes it). connection_id is unique in this process.
  std::function<void(std::uint64_t connection_id, int fd, const ExportInfo&)> on_client;
  // A client went away, or was sent away, before that; may be empty.
  std::function<void(const srpi::Error&)> on_refused;
};

class SocketServer {
 public:
  // Errors: invalid_argument (path too long for a Unix socket), already_exists (somebody answers there, or it is not
  // a socket), permission_denied, not_found (no such directory). A stale socket that nobody answers at is replaced.
  [[nodiscard]] static srpi::Result<std::unique_ptr<SocketServer>> listen(boost::asio::any_io_executor,
                                                                          SocketServerOptions,
                                                                          SocketServerCallbacks);
  // Stops accepting, ends negotiations under way, removes the socket. Clients already handed on are the lane's.
  // No callback runs afterwards. On the executor's thread, or when that is stopped.
  ~SocketServer();
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;

  // A handed-on connection has ended (LaneCallbacks::on_connection_closed): its place is free again. On the
  // executor's thread. Unknown ids are ignored.
  void connection_closed(std::uint64_t connection_id);

  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  struct Impl;
  explicit SocketServer(std::shared_ptr<Impl>);
  std::shared_ptr<Impl> impl_;
};

// Unique in this process; for connections that come from elsewhere than a SocketServer.
[[nodiscard]] std::uint64_t next_connection_id() noexcept;

}  // namespace srp_nbd
