// SPDX-License-Identifier: Apache-2.0
// Accepts clients at a Unix socket and serves each of them in a coroutine of its own.
//
// Threads: the executor's thread only. Lifetime: a client's coroutine may outlive the server. It then finds its socket
// closed, and what it uses must be kept alive by itself.
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
  // The client is cut off when the coroutine ends.
  using Serve = std::function<boost::asio::awaitable<void>(Socket&)>;
  // An accept has failed, mostly because there are no file descriptors left. It is tried again after a moment.
  using OnError = std::function<void(const boost::system::error_code&)>;

  UnixServer(boost::asio::any_io_executor, UniqueFd listener, Serve, OnError);
  ~UnixServer();  // accepts nobody any more, and closes the sockets of the clients that are being served
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

  // Those being served now.
  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace srp_nbd
