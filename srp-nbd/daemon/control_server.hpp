// SPDX-License-Identifier: Apache-2.0
// The control socket: one JSON object a line each way. Whoever is at the other end can cost it neither memory nor time:
// a line has 64 KiB and 5 seconds, counted from the accept or the answer before it; 64 clients at a time.
//
// A client that follows events gets them one a line after its answer, as fast as it takes them and no faster; it is
// not listened to any more, and whatever it sends, or its end, ends the connection.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>

#include "daemon/event_hub.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

class ControlServer {
 public:
  // follower: whose lines the client gets after this answer, if any.
  using Answer = std::function<void(boost::json::object, std::shared_ptr<EventFollower> follower)>;
  using Handler = std::function<void(std::string_view line, Answer)>;  // the line is gone once it returns

  // Makes the folder (mode 0700) where it is missing, and the socket (mode 0600). A socket that nobody answers at is
  // replaced. Errors: already_exists (a daemon runs there, or the path is something else), permission_denied,
  // invalid_argument (path too long), not_found (no such folder).
  [[nodiscard]] static Outcome<std::unique_ptr<ControlServer>> listen(boost::asio::any_io_executor,
                                                                      std::string path, Handler);
  // Removes the socket; clients are cut off.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Impl;
  class Client;
  explicit ControlServer(std::shared_ptr<Impl>);
  std::shared_ptr<Impl> impl_;
};

}  // namespace srp_nbd
