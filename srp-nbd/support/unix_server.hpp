// SPDX-License-Identifier: Apache-2.0
// Accepts clients at a Unix socket and serves each one in a coroutine.
//
// Threads: the executor's thread only. Lifetime: a client's coroutine may outlive the server. Then its socket
// is closed, and it must keep alive the objects that it uses.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>

#include "support/unique_fd.hpp"

namespace srp_nbd {

class UnixServer {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  // The client is disconnected when the coroutine ends.
  using Serve = std::function<boost::asio::awaitable<void>(Socket&)>;
  // Called when an accept has failed, usually for lack of file descriptors. The server tries again after some
  // time.
  using OnError = std::function<void(const boost::system::error_code&)>;

  UnixServer(boost::asio::any_io_executor, UniqueFd listener, Serve, OnError);
  ~UnixServer();  // stops accepting, and closes the sockets of served clients
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

  // The number of served clients.
  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace srp_nbd
