// SPDX-License-Identifier: Apache-2.0
#include "support/unix_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "srpi/log_limit.hpp"
#include "support/socket_folder.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr int kBacklog = 128;
constexpr std::chrono::milliseconds kPauseAfterError{100};

UniqueFd unix_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Removes a socket where no process answers. Fails if the path is not free then.
Outcome<> clear(const std::string& path, const SocketFolder& folder) {
  struct stat there {};
  if (::fstatat(folder.fd(), folder.name().c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0) return {};
  if (!S_ISSOCK(there.st_mode))
    return Failure{"already_exists", fmt::format("{} exists and is not a socket", path)};
  const auto client = unix_socket();
  if (!client) return system_failure(path + ": socket", errno);
  const stream_protocol::endpoint address(folder.socket_by_fd());
  // EAGAIN: a process listens there and is busy.
  if (::connect(client.get(), address.data(), static_cast<socklen_t>(address.size())) == 0 || errno == EAGAIN)
    return Failure{"already_exists", fmt::format("{} is served by another process", path)};
  if (errno != ECONNREFUSED) return system_failure(path + ": connect", errno);
  if (::unlinkat(folder.fd(), folder.name().c_str(), 0) != 0 && errno != ENOENT)
    return system_failure(path + ": unlink", errno);
  return {};
}

Outcome<UniqueFd> listen_at(const std::string& path, const SocketFolder& folder) {
  if (auto is_free = clear(path, folder); !is_free) return is_free.error();
  auto fd = unix_socket();
  if (!fd) return system_failure(path + ": socket", errno);
  ::fchmod(fd.get(), 0600);  // before bind, because the file gets the socket's mode
  const stream_protocol::endpoint address(folder.socket_by_fd());
  if (::bind(fd.get(), address.data(), static_cast<socklen_t>(address.size())) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    return system_failure(path + ": bind", errno);
  return fd;
}

// A descriptor gets the lowest free number, so its number tells how many are in use.
bool is_beyond(int fd, std::size_t spare) {
  rlimit limit{};
  if (spare == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  return static_cast<rlim_t>(fd) + std::min<rlim_t>(spare, limit.rlim_cur / 4) >= limit.rlim_cur;
}

}  // namespace

Outcome<> check_socket_path(const std::string& path) {
  if (!path.empty() && path.size() <= kMaxSocketPath) return {};
  return Failure{"invalid_argument", fmt::format("a socket's path has 1 to {} bytes; '{}' has {}",
                                                 kMaxSocketPath, path, path.size())};
}

std::optional<ucred> peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer;
}

struct UnixServer::State {
  static awaitable<void> accept(std::shared_ptr<State> self) {
    while (self->acceptor.is_open()) {
      Socket socket(self->acceptor.get_executor());
      error_code error;
      co_await self->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (!self->acceptor.is_open()) co_return;
      if (!error && is_beyond(socket.native_handle(), self->spare_descriptors))
        error = asio::error::no_descriptors;
      else if (!error) {
        spawn(self->acceptor.get_executor(), serve_one(self, std::move(socket)));
        continue;
      }
      if (const auto end = self->failed_accepts.pass())
        spdlog::warn("{}: accept on {}: {}{}", self->name, self->path, error.message(), *end);
      co_await pause(kPauseAfterError);
    }
  }

  static awaitable<void> serve_one(std::shared_ptr<State> self, Socket socket) {
    self->sockets.insert(&socket);
    co_await self->serve(socket);
    self->sockets.erase(&socket);
  }

  stream_protocol::acceptor acceptor;  // closed with the server
  const std::string path, name;
  const Serve serve;
  const SocketFolder folder;
  const std::pair<dev_t, ino_t> node;
  const std::size_t spare_descriptors;
  std::set<Socket*> sockets;  // members of the frames of serve_one
  srpi::LogLimit failed_accepts = {};
};

Outcome<std::unique_ptr<UnixServer>> UnixServer::listen(Executor executor, const std::string& path,
                                                        std::string name, Serve serve,
                                                        std::size_t spare_descriptors) {
  if (auto ok = check_socket_path(path); !ok) return ok.error();
  auto folder = SocketFolder::of(path);
  if (!folder) return folder.error();
  auto listener = listen_at(path, *folder);
  if (!listener) return listener.error();
  const auto node = folder->node();
  const std::shared_ptr<State> state(new State{{executor, stream_protocol(), listener->release()},
                                               path,
                                               std::move(name),
                                               std::move(serve),
                                               std::move(*folder),
                                               node,
                                               spare_descriptors,
                                               {}});
  std::unique_ptr<UnixServer> server(new UnixServer(state));
  spawn(executor, State::accept(state));
  return server;
}

UnixServer::~UnixServer() {
  stop_accepting();
  error_code ignored;
  for (auto* socket : state_->sockets) socket->close(ignored);
}

void UnixServer::stop_accepting() noexcept {
  if (!is_accepting()) return;
  error_code ignored;
  state_->acceptor.close(ignored);
  const auto& folder = state_->folder;
  if (folder.node() == state_->node) ::unlinkat(folder.fd(), folder.name().c_str(), 0);
}

bool UnixServer::is_accepting() const noexcept { return state_->acceptor.is_open(); }

std::size_t UnixServer::clients() const noexcept { return state_->sockets.size(); }

}  // namespace srp_nbd
