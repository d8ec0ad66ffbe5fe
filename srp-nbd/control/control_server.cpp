// SPDX-License-Identifier: Apache-2.0
#include "control/control_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "control/orders.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using Socket = UnixServer::Socket;

constexpr std::size_t kMaxClients = 64;
constexpr std::chrono::seconds kLineDeadline{5};
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// Adds to the message what to do if the path cannot be used.
Failure with_advice(Failure failure) {
  if (failure.code == "permission_denied")
    failure.message += "; run as root, or choose a path of your own with --control";
  if (failure.code == "already_exists") failure.message += "; choose another path with --control";
  return failure;
}

// Checks that only root and the daemon's user can rename files in the folder. Another user could otherwise
// replace the control socket by a socket of another program.
Outcome<> check_folder(const std::string& folder) {
  struct stat there {};
  if (::stat(folder.c_str(), &there) != 0)
    return with_advice(system_failure("cannot use the folder " + folder, errno));
  const auto instead = "give the control socket another place with --control";
  if (there.st_uid != 0 && there.st_uid != ::geteuid())
    return Failure{"permission_denied",
                   fmt::format("{} belongs to uid {}: {}", folder, there.st_uid, instead)};
  if ((there.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (there.st_mode & S_ISVTX) == 0)
    return Failure{"permission_denied", fmt::format("others may write in {} (mode {:o}): {}", folder,
                                                    there.st_mode & 07777, instead)};
  return {};
}

// Makes the folder of the control socket if it is missing, and locks PATH.lock in it. The lock is held while
// the descriptor is open, so that the socket has one owner.
Outcome<UniqueFd> lock_control_path(const std::string& path) {
  if (auto ok = check_socket_path(path); !ok) return ok.error();
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return with_advice(system_failure("cannot make the folder " + folder.string(), errno));
  if (auto ok = check_folder(folder.empty() ? "." : folder.string()); !ok) return ok.error();

  const auto lock_path = path + ".lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return with_advice(system_failure("cannot open " + lock_path, errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return system_failure("cannot lock " + lock_path, errno);
  return Failure{"already_exists",
                 fmt::format("an srp-nbd daemon is already running at {}: use that one, or give this one "
                             "another path with --control",
                             path)};
}

// Fails unless the peer process may give orders: it belongs to root or to the daemon's user.
Outcome<> check_peer(int fd) {
  const auto peer = peer_of(fd);
  if (!peer) return Failure{"permission_denied", "the kernel does not report the uid of this client"};
  if (peer->uid == 0 || peer->uid == ::geteuid()) return {};
  return Failure{
      "permission_denied",
      fmt::format("this daemon takes orders from root and uid {}, not from uid {}", ::geteuid(), peer->uid)};
}

// Returns the next line, without its line feed. A failure with a code is sent to the client before it is
// disconnected; one without means that the client has disconnected.
awaitable<Outcome<std::string>> read_line(Socket& socket, std::string& received) {
  const auto read = co_await within(
      kLineDeadline,
      asio::async_read_until(socket, asio::dynamic_buffer(received, kMaxControlLineBytes), '\n', kToken));
  if (!read)
    co_return Failure{"timed_out",
                      "no whole line within 5 seconds: expected one JSON object, then a line feed"};
  const auto [error, bytes] = *read;
  if (error == asio::error::not_found)
    co_return Failure{"bad_request", "the line is longer than 64 KiB: expected one JSON object in a line"};
  if (error) co_return Failure();
  auto line = received.substr(0, bytes - 1);
  received.erase(0, bytes);
  co_return line;
}

// Returns false if the client has disconnected or does not read the answer in time.
awaitable<bool> write_answer(Socket& socket, const boost::json::object& answer) {
  const auto text = boost::json::serialize(answer) + '\n';
  const auto written = co_await within(kLineDeadline, asio::async_write(socket, asio::buffer(text), kToken));
  co_return written && !std::get<0>(*written);
}

// There is no deadline: a follower may read its lines at any time.
awaitable<void> write_lines(Socket& socket, const ControlServer::NextLine& next) {
  for (bool is_there = true; is_there;) {
    const auto line = co_await next();
    const auto text = *line + '\n';
    const auto written = co_await asio::async_write(socket, asio::buffer(text), kToken);
    is_there = !std::get<0>(written);
  }
}

// Returns when the follower has disconnected, or has sent anything.
awaitable<void> follow(Socket& socket, const ControlServer::NextLine& next) {
  using namespace asio::experimental::awaitable_operators;
  char byte = 0;
  co_await (write_lines(socket, next) || socket.async_read_some(asio::buffer(&byte, 1), kToken));
}

awaitable<void> serve_client(Socket& socket, ControlServer::CarryOut carry_out) {
  std::string received;
  for (;;) {
    auto line = co_await read_line(socket, received);
    if (!line) {
      if (!line.error().code.empty()) co_await write_answer(socket, answer_json(line.error()));
      co_return;
    }
    const auto reply = co_await carry_out(std::move(*line));
    if (!co_await write_answer(socket, reply.answer)) co_return;
    if (reply.lines) {
      co_await follow(socket, reply.lines);
      co_return;
    }
  }
}

// A refused client is not counted in `served`.
awaitable<void> admit(Socket& socket, std::shared_ptr<std::size_t> served,
                      ControlServer::CarryOut carry_out) {
  if (const auto allowed = check_peer(socket.native_handle()); !allowed) {
    spdlog::warn("control socket: {}", allowed.error().message);
    co_await write_answer(socket, answer_json(allowed.error()));
  } else if (*served >= kMaxClients) {
    const Failure busy("busy", "too many control clients at a time: expected at most 64; try again");
    co_await write_answer(socket, answer_json(busy));
  } else {
    ++*served;
    co_await serve_client(socket, std::move(carry_out));
    --*served;
  }
}

}  // namespace

Outcome<std::unique_ptr<ControlServer>> ControlServer::listen(asio::any_io_executor executor,
                                                              const std::string& path, CarryOut carry_out) {
  auto lock = lock_control_path(path);
  if (!lock) return lock.error();
  const auto serve = [served = std::make_shared<std::size_t>(0), carry_out = std::move(carry_out)](
                         Socket& socket) { return admit(socket, served, carry_out); };
  auto server = UnixServer::listen(std::move(executor), path, "control socket", serve);
  if (!server) return with_advice(server.error());
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(*lock), std::move(*server)));
}

}  // namespace srp_nbd
