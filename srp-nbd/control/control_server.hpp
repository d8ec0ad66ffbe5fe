// SPDX-License-Identifier: Apache-2.0
// The control socket: one JSON object a line each way. A client can cost it neither memory nor time: a line
// has 64 KiB and 5 seconds, counted from the accept or the answer before it; 64 clients at a time.
//
// A client that follows events gets one line per event after its answer, as fast as it takes them and no faster.
// No more orders are read from it: any byte that it sends, or its end, ends the connection.
//
// Threads: the executor's thread only. Lifetime: what CarryOut uses must live as long as the executor runs:
// an order that is being carried out is not cancelled when its client or the server goes.
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

// Its end removes the socket and disconnects the clients.
class ControlServer {
 public:
  // Waits for a follower's next line and returns it, without its line feed.
  using NextLine = std::function<boost::asio::awaitable<std::shared_ptr<const std::string>>()>;
  struct Reply {
    boost::json::object answer;
    NextLine lines;  // the lines after the answer; empty: the client's next order follows
  };
  // Carries out the order in this line.
  using CarryOut = std::function<boost::asio::awaitable<Reply>(std::string line)>;

  // Makes the folder (mode 0700) if it is missing, and the socket (mode 0600). Replaces a socket without a
  // listener. Errors: those of UnixServer::listen; also already_exists if a daemon runs there.
  [[nodiscard]] static Outcome<std::unique_ptr<ControlServer>> listen(boost::asio::any_io_executor,
                                                                      const std::string& path, CarryOut);

 private:
  ControlServer(UniqueFd lock, std::unique_ptr<UnixServer> server)
      : lock_(std::move(lock)), server_(std::move(server)) {}

  // The lock file stays. If it were removed, two daemons could lock two different files with the same name.
  UniqueFd lock_;
  std::unique_ptr<UnixServer> server_;
};

}  // namespace srp_nbd
