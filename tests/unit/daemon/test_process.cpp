// SPDX-License-Identifier: Apache-2.0
// Messages to a service manager, at a socket of this test.
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <catch2/catch.hpp>
#include <string>

#include "daemon/process.hpp"

using namespace srp_nbd;
namespace asio = boost::asio;
using Protocol = asio::local::datagram_protocol;

TEST_CASE("the service manager is told at the socket that it names, abstract or in the file system") {
  const bool is_abstract = GENERATE(true, false);
  const auto name = "/tmp/srpi-notify-" + std::to_string(::getpid());
  asio::io_context io;
  Protocol::socket manager(io, Protocol::endpoint(is_abstract ? std::string(1, '\0') + name : name));
  ::setenv("NOTIFY_SOCKET", ((is_abstract ? "@" : "") + name).c_str(), 1);
  notify_service_manager("READY=1");
  ::unsetenv("NOTIFY_SOCKET");
  ::unlink(name.c_str());
  manager.non_blocking(true);
  std::array<char, 64> text;
  CHECK(std::string(text.data(), manager.receive(asio::buffer(text))) == "READY=1");
}

TEST_CASE("without a service manager, or with a name that no socket can have, nothing is sent") {
  const auto* name = GENERATE(as<const char*>(), "", "relative", "/nowhere/socket");
  ::setenv("NOTIFY_SOCKET", name, 1);
  CHECK_NOTHROW(notify_service_manager("READY=1"));
  ::unsetenv("NOTIFY_SOCKET");
  CHECK_NOTHROW(notify_service_manager("READY=1"));
}
