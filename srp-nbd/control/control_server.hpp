// SPDX-License-Identifier: Apache-2.0
// The control socket: one JSON object a line each way. A client can cost it neither memory nor time: a line has 64 KiB
// and 5 seconds, counted from the accept or the answer before it; 64 clients at a time.
//
// A client that follows events gets them one a line after its answer, as fast as it takes them and no faster. It is
// not listened to any more: whatever it sends, or its end, ends the connection.
//
// Threads: the executor's thread only. Lifetime: what CarryOut uses must live as long as the executor runs: an order
// that is being carried out is not cancelled when its client or the server goes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"
#include "support/unix_server.hpp"

namespace srp_nbd {

class ControlServer {
 public:
  // The next line that a follower gets, without its line feed, as soon as there is one.
  using NextLine = std::function<boost::asio::awaitable<std::shared_ptr<const std::string>>()>;
  struct Reply {
    boost::json::object answer;
    NextLine lines;  // what follows the answer; empty: the client's next order
  };
  // Carries out the order in one line.
  using CarryOut = std::function<boost::asio::awaitable<Reply>(std::string line)>;

  // Makes the folder (mode 0700) where it is missing, and the socket (mode 0600). A socket that nobody answers at is
  // replaced. Errors: already_exists (a daemon runs there, or the path is something else), permission_denied,
  // invalid_argument (path too long), not_found (no such folder).
  [[nodiscard]] static Outcome<std::unique_ptr<ControlServer>> listen(boost::asio::any_io_executor,
                                                                      std::string path, CarryOut);
  ~ControlServer();  // removes the socket; clients are cut off
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  const std::string path_;
  UniqueFd lock_;
  std::unique_ptr<UnixServer> server_;
};

}  // namespace srp_nbd
