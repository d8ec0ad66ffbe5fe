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
#include "srpi/log_limit.hpp"
#include "support/coroutine.hpp"
#include "support/socket_folder.hpp"

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

// Fails unless this is a regular file of our own: another user could hold the lock of his own file for ever.
Outcome<> check_lock_file(int fd, const std::string& path) {
  const auto advice = "remove it, or choose another path with --control";
  struct stat there {};
  if (::fstat(fd, &there) != 0) return system_failure("cannot examine " + path, errno);
  if (!S_ISREG(there.st_mode))
    return Failure{"already_exists", fmt::format("{} is not a regular file: {}", path, advice)};
  if (there.st_uid != ::geteuid())
    return Failure{"permission_denied", fmt::format("{} belongs to uid {}, not to uid {}: {}", path,
                                                    there.st_uid, ::geteuid(), advice)};
  ::fchmod(fd, 0600);  // other users cannot open the file, so they cannot lock it
  return {};
}

// Makes the folder of the control socket if it is missing, and locks PATH.lock in it. The lock is held while
// the descriptor is open, so that the socket has one owner.
Outcome<UniqueFd> lock_control_path(const std::string& path) {
  if (auto ok = check_socket_path(path); !ok) return ok.error();
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return with_advice(system_failure("cannot make the folder " + folder.string(), errno));
  const auto opened = SocketFolder::of(path);
  if (!opened) return with_advice(opened.error());

  const auto lock_path = path + ".lock";
  // O_NONBLOCK: a FIFO does not hold us up.
  UniqueFd lock(::openat(opened->fd(), (opened->name() + ".lock").c_str(),
                         O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!lock && errno == ELOOP) return with_advice({"already_exists", lock_path + " is a symbolic link"});
  if (!lock) return with_advice(system_failure("cannot open " + lock_path, errno));
  if (auto ok = check_lock_file(lock.get(), lock_path); !ok) return ok.error();
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

struct Admitted {
  std::size_t served = 0;  // without refused clients
  srpi::LogLimit refused_log;
};

awaitable<void> admit(Socket& socket, std::shared_ptr<Admitted> admitted, ControlServer::CarryOut carry_out) {
  if (const auto allowed = check_peer(socket.native_handle()); !allowed) {
    if (const auto end = admitted->refused_log.pass())
      spdlog::warn("control socket: {}{}", allowed.error().message, *end);
    co_await write_answer(socket, answer_json(allowed.error()));
  } else if (admitted->served >= kMaxClients) {
    const Failure busy("busy", "too many control clients at a time: expected at most 64; try again");
    co_await write_answer(socket, answer_json(busy));
  } else {
    ++admitted->served;
    co_await serve_client(socket, std::move(carry_out));
    --admitted->served;
  }
}

}  // namespace

Outcome<std::unique_ptr<ControlServer>> ControlServer::listen(asio::any_io_executor executor,
                                                              const std::string& path, CarryOut carry_out) {
  auto lock = lock_control_path(path);
  if (!lock) return lock.error();
  const auto serve = [admitted = std::make_shared<Admitted>(), carry_out = std::move(carry_out)](
                         Socket& socket) { return admit(socket, admitted, carry_out); };
  auto server = UnixServer::listen(std::move(executor), path, "control socket", serve);
  if (!server) return with_advice(server.error());
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(*lock), std::move(*server)));
}

}  // namespace srp_nbd
