// SPDX-License-Identifier: Apache-2.0
#include "export/socket_server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <set>
#include <unordered_map>
#include <utility>

#include "nbd/negotiation.hpp"
#include "support/no_memory.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;
using boost::system::error_code;
using srpi::Errc;
using srpi::Error;

std::uint64_t next_connection_id() noexcept {
  static std::atomic<std::uint64_t> last{0};  // identity only: no order and no meaning
  return ++last;
}

namespace {

Errc errc_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::permission_denied;
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case EADDRINUSE:
      return Errc::already_exists;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Errc::no_memory;
    default:
      return Errc::invalid_argument;
  }
}

Error failure(const std::string& path, const char* what, int error) {
  return {errc_of(error), fmt::format("{}: {}: {}", path, what, std::strerror(error))};
}

// Makes way for a new socket where a dead daemon has left one.
srpi::Result<> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return Error{Errc::already_exists, fmt::format("{} exists and is not a socket", path)};
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return failure(path, "socket", errno);
  const bool answers =
      ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (answers || errno != ECONNREFUSED)  // EAGAIN: somebody is there, and busy
    return answers || errno == EAGAIN
               ? Error{Errc::already_exists, fmt::format("{} is served by another process", path)}
               : failure(path, "connect", errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failure(path, "unlink", errno);
  return {};
}

srpi::Result<UniqueFd> bind_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return Error{Errc::invalid_argument, fmt::format("a socket's path has 1 to {} bytes; '{}' has {}",
                                                     sizeof address.sun_path - 1, path, path.size())};
  std::memcpy(address.sun_path, path.data(), path.size());
  if (auto removed = remove_stale(path, address); removed.has_error()) return removed.error();
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failure(path, "socket", errno);
  ::fchmod(fd.get(), 0600);  // before bind: the node is never open to others, not even for a moment
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failure(path, "bind", errno);
  if (::listen(fd.get(), 64) != 0) return failure(path, "listen", errno);
  return fd;
}

}  // namespace

struct SocketServer::Impl : std::enable_shared_from_this<Impl> {
  // One client until it is handed on; owned by the server's table, kept alive by its pending operations.
  struct Client {
    Client(asio::any_io_executor executor, Socket s, std::uint64_t n, Negotiation::Exports exports)
        : socket(std::move(s)), deadline(std::move(executor)), id(n), negotiation(std::move(exports)) {}
    Socket socket;
    asio::steady_timer deadline;
    std::uint64_t id;
    Negotiation negotiation;
    std::array<std::byte, 4096> input;
    std::vector<std::byte> output;
    bool excess = false;
  };
  using ClientPtr = std::shared_ptr<Client>;

  Impl(asio::any_io_executor e, SocketServerOptions o, SocketServerCallbacks c)
      : executor(e), options(std::move(o)), callbacks(std::move(c)), acceptor(e), pause(e) {}

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code error, Socket socket) {
      if (self->closed) return;
      if (!error) {
        guarded([&] { self->admit(std::move(socket)); });  // else the client is closed
        return guarded([&] { self->accept(); }, [&] { self->accept_later(); });
      }
      if (error == asio::error::operation_aborted) return;
      // Out of descriptors, most likely: later, not in a tight loop.
      guarded([&] {
        self->report(
            {errc_of(error.value()), fmt::format("accept on {}: {}", self->options.path, error.message())});
      });
      self->accept_later();
    });
  }

  void accept_later() {
    pause.expires_after(std::chrono::milliseconds(200));
    insist([this] {
      pause.async_wait([self = shared_from_this()](error_code e) {
        if (!e && !self->closed) guarded([&] { self->accept(); }, [&] { self->accept_later(); });
      });
    });
  }

  void admit(Socket socket) {
    if (negotiating.size() + served.size() >= options.max_clients)
      return report(
          {Errc::busy, fmt::format("{} has {} clients already", options.path, options.max_clients)});
    auto client =
        std::make_shared<Client>(executor, std::move(socket), next_connection_id(), callbacks.exports);
    negotiating.emplace(client->id, client);
    guarded([&] { negotiate(client); }, [&] { end(client, {Errc::no_memory, {}}); });
  }

  void negotiate(const ClientPtr& client) {
    client->deadline.expires_after(options.negotiation_timeout);
    client->deadline.async_wait([self = shared_from_this(), client](error_code error) {
      if (!error && !self->closed && self->negotiating.contains(client->id))
        self->end(client, {Errc::timed_out,
                           fmt::format("a client of {} did not finish its negotiation within {} ms",
                                       self->options.path, self->options.negotiation_timeout.count())});
    });
    write(client);
  }

  void write(const ClientPtr& client) {
    client->output = client->negotiation.take_output();
    asio::async_write(
        client->socket, asio::buffer(client->output),
        [self = shared_from_this(), client](error_code error, std::size_t) {
          if (!self->negotiating.contains(client->id)) return;
          if (error) return self->hung_up(client);
          guarded([&] { self->after_write(client); }, [&] { self->end(client, {Errc::no_memory, {}}); });
        });
  }

  void after_write(const ClientPtr& client) {
    switch (client->negotiation.outcome()) {
      case Negotiation::Outcome::going_on:
        return read(client);
      case Negotiation::Outcome::transmission:
        return hand_on(client);
      case Negotiation::Outcome::ended:
        return end(client, {});
      case Negotiation::Outcome::refused:
        return end(client, {Errc::protocol_error, client->negotiation.problem()});
    }
  }

  void read(const ClientPtr& client) {
    client->socket.async_read_some(
        asio::buffer(client->input.data(), client->input.size()),
        [self = shared_from_this(), client](error_code error, std::size_t bytes) {
          if (!self->negotiating.contains(client->id)) return;
          if (error) return self->hung_up(client);
          const auto go_on = [&] {
            const auto consumed = client->negotiation.feed({client->input.data(), bytes});
            client->excess = consumed < bytes;
            self->write(client);
          };
          guarded(go_on, [&] { self->end(client, {Errc::no_memory, {}}); });
        });
  }

  void hand_on(const ClientPtr& client) {
    // Requests may be sent only after the answer to GO; what came before it was read by us and is lost to the lane.
    if (client->excess)
      return end(client, {Errc::protocol_error, "the client sent requests before it was let in"});
    client->deadline.cancel();
    negotiating.erase(client->id);
    error_code error;
    const int fd = client->socket.release(error);
    if (error) return report({Errc::no_connect, error.message()});
    UniqueFd owned(fd);
    served.insert(client->id);
    guarded([&] { callbacks.on_client(client->id, owned.release(), *client->negotiation.chosen()); },
            [&] { served.erase(client->id); });  // it has closed the descriptor
  }

  void hung_up(const ClientPtr& client) {
    end(client, {Errc::no_connect, words([] { return "the client hung up while negotiating"; })});
  }

  void end(const ClientPtr& client, Error why) {
    negotiating.erase(client->id);
    client->deadline.cancel();
    error_code ignored;
    client->socket.close(ignored);
    if (why.code != Errc::ok) guarded([&] { report(why); });
  }

  void report(const Error& why) const {
    if (callbacks.on_refused) callbacks.on_refused(why);
  }

  void close() {
    closed = true;
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (auto& [id, client] : std::exchange(negotiating, {})) {
      client->deadline.cancel();
      client->socket.close(ignored);
    }
    // Only our own node: somebody may have put another in its place.
    struct stat now {};
    if (::lstat(options.path.c_str(), &now) == 0 && now.st_ino == inode && now.st_dev == device)
      ::unlink(options.path.c_str());
  }

  asio::any_io_executor executor;
  const SocketServerOptions options;
  const SocketServerCallbacks callbacks;
  asio::local::stream_protocol::acceptor acceptor;
  asio::steady_timer pause;
  std::unordered_map<std::uint64_t, ClientPtr> negotiating;
  std::set<std::uint64_t> served;
  ino_t inode = 0;
  dev_t device = 0;
  bool closed = false;
};

SocketServer::SocketServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
SocketServer::~SocketServer() { impl_->close(); }

srpi::Result<std::unique_ptr<SocketServer>> SocketServer::listen(asio::any_io_executor executor,
                                                                 SocketServerOptions options,
                                                                 SocketServerCallbacks callbacks) {
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(options), std::move(callbacks));
  auto fd = bind_socket(impl->options.path);
  if (fd.has_error()) return fd.error();
  struct stat status {};
  if (::lstat(impl->options.path.c_str(), &status) == 0) {
    impl->inode = status.st_ino;
    impl->device = status.st_dev;
  }
  error_code error;
  impl->acceptor.assign(asio::local::stream_protocol(), fd->get(), error);
  if (error) return failure(impl->options.path, "listen", error.value());
  (void)fd->release();  // the acceptor's now
  try {
    impl->accept();
    return std::unique_ptr<SocketServer>(new SocketServer(impl));
  } catch (const std::bad_alloc&) {
    impl->close();
    throw;
  }
}

void SocketServer::connection_closed(std::uint64_t connection_id) { impl_->served.erase(connection_id); }
const std::string& SocketServer::path() const noexcept { return impl_->options.path; }
std::size_t SocketServer::clients() const noexcept {
  return impl_->negotiating.size() + impl_->served.size();
}

}  // namespace srp_nbd
