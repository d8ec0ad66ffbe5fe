// SPDX-License-Identifier: Apache-2.0
#include "daemon/control_server.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "control/orders.hpp"
#include "daemon/control_socket.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;

constexpr std::size_t kMaxClients = 64;
constexpr std::chrono::seconds kLineDeadline{5};
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

struct ControlServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor executor, std::string path_in, Handler handler_in)
      : acceptor(executor), pause(executor), path(std::move(path_in)), handler(std::move(handler_in)) {}

  void accept();
  void accept_later();
  void admit(stream_protocol::socket);

  stream_protocol::acceptor acceptor;
  asio::steady_timer pause;
  UniqueFd lock;
  const std::string path;
  Handler handler;
  std::set<std::shared_ptr<Client>> clients;
  bool is_closed = false;
};

class ControlServer::Client : public std::enable_shared_from_this<Client> {
 public:
  Client(const std::shared_ptr<Impl>& server, stream_protocol::socket socket)
      : server_(server), socket_(std::move(socket)), deadline_(socket_.get_executor()) {}

  void read() {
    arm();
    asio::async_read_until(
        socket_, asio::dynamic_buffer(received_, kMaxControlLineBytes), '\n',
        [self = shared_from_this()](const boost::system::error_code& error, std::size_t bytes) {
          self->deadline_.cancel();
          guarded([&] { self->on_line(error, bytes); }, [&] { self->close(); });
        });
  }

  // Says one thing, then goodbye.
  void refuse(const Failure& failure) noexcept {
    guarded([&] { write(answer_json(failure), false); }, [this] { close(); });
  }

  void close() {
    boost::system::error_code ignored;
    deadline_.cancel();
    socket_.close(ignored);
    follower_.reset();
    if (const auto server = server_.lock()) server->clients.erase(shared_from_this());
  }

 private:
  void arm() {
    deadline_.expires_after(kLineDeadline);
    deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      // It may have been on its way when the next one began.
      if (error || !self || self->deadline_.expiry() > std::chrono::steady_clock::now()) return;
      self->is_late_ = true;
      boost::system::error_code ignored;
      self->socket_.cancel(ignored);
    });
  }

  void on_line(const boost::system::error_code& error, std::size_t bytes) {
    if (error == asio::error::not_found)
      return refuse({"bad_request", "the line is longer than 64 KiB: expected one JSON object in a line"});
    if (error && is_late_)
      return refuse(
          {"timed_out", "no whole line within 5 seconds: expected one JSON object, then a line feed"});
    const auto server = server_.lock();
    if (error || !server) return close();
    const auto line = received_.substr(0, bytes - 1);
    received_.erase(0, bytes);
    const auto reply = std::make_shared<Reply>(shared_from_this());
    guarded(
        [&] {
          server->handler(
              line, [reply](const boost::json::object& answer, std::shared_ptr<EventFollower> follower) {
                reply->give(answer, std::move(follower));
              });
        },
        [&] { reply->give_up(); });
  }

  // The answer to one order. Whoever drops the last copy of it unanswered had no memory for that; on any
  // thread.
  class Reply {
   public:
    explicit Reply(std::shared_ptr<Client> client) : client_(std::move(client)) {}
    ~Reply() {
      if (!client_ || client_->server_.expired()) return;
      insist([this] {
        asio::post(client_->socket_.get_executor(),
                   [client = client_] { client->refuse(Failure::no_memory()); });
      });
    }
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;

    void give(const boost::json::object& answer, std::shared_ptr<EventFollower> follower) {
      const auto client = std::exchange(client_, nullptr);
      if (!client) return;  // the second of two
      client->follower_ = std::move(follower);
      guarded([&] { client->write(answer, true); }, [&] { client->close(); });
    }
    void give_up() {
      if (const auto client = std::exchange(client_, nullptr)) client->refuse(Failure::no_memory());
    }

   private:
    std::shared_ptr<Client> client_;
  };

  void write(const boost::json::object& answer, bool goes_on) {
    sending_ = boost::json::serialize(answer);
    sending_ += '\n';
    is_late_ = false;
    arm();
    asio::async_write(
        socket_, asio::buffer(sending_),
        [self = shared_from_this(), goes_on](const boost::system::error_code& error, std::size_t) {
          self->deadline_.cancel();
          if (error || !goes_on) return self->close();
          guarded([&] { self->follower_ ? self->follow() : self->read(); }, [&] { self->close(); });
        });
  }

  // No deadline from here on: a follower may be silent, and may take its lines as late as it likes.
  void follow() {
    follower_->on_ready([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && !self->is_sending_) guarded([&] { self->write_event(); }, [&] { self->close(); });
    });
    received_.resize(1);
    socket_.async_read_some(
        asio::buffer(received_),
        [self = shared_from_this()](const boost::system::error_code&, std::size_t) { self->close(); });
    write_event();
  }

  void write_event() {
    if (!follower_) return;  // closed meanwhile
    const auto line = follower_->next();
    is_sending_ = line != nullptr;
    if (!line) return;
    sending_ = *line + '\n';
    asio::async_write(socket_, asio::buffer(sending_),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        if (error) return self->close();
                        guarded([&] { self->write_event(); }, [&] { self->close(); });
                      });
  }

  std::weak_ptr<Impl> server_;
  stream_protocol::socket socket_;
  asio::steady_timer deadline_;
  std::string received_, sending_;
  std::shared_ptr<EventFollower> follower_;
  bool is_late_ = false;
  bool is_sending_ = false;  // a follower's line
};

void ControlServer::Impl::accept() {
  acceptor.async_accept(
      [self = shared_from_this()](const boost::system::error_code& error, stream_protocol::socket socket) {
        if (self->is_closed) return;
        if (error) {
          // Out of file descriptors, mostly: the queue waits until there are some again.
          spdlog::warn("control socket: accept: {}", error.message());
          return self->accept_later();
        }
        guarded([&] { self->admit(std::move(socket)); });  // else it is closed
        guarded([&] { self->accept(); }, [&] { self->accept_later(); });
      });
}

void ControlServer::Impl::accept_later() {
  pause.expires_after(kAcceptPause);
  insist([this] {
    pause.async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
      if (!stopped && !self->is_closed) guarded([&] { self->accept(); }, [&] { self->accept_later(); });
    });
  });
}

void ControlServer::Impl::admit(stream_protocol::socket socket) {
  const auto allowed = check_peer(socket.native_handle());
  const auto client = std::make_shared<Client>(shared_from_this(), std::move(socket));
  if (!allowed) {
    spdlog::warn("control socket: {}", allowed.error().message);
    return client->refuse(allowed.error());
  }
  if (clients.size() >= kMaxClients)
    return client->refuse({"busy", "too many control clients at a time: expected at most 64; try again"});
  clients.insert(client);
  guarded([&] { client->read(); }, [&] { client->close(); });
}

Outcome<std::unique_ptr<ControlServer>> ControlServer::listen(asio::any_io_executor executor,
                                                              std::string path, Handler handler) {
  auto made = make_control_socket(path);
  if (!made) return made.error();
  auto impl = std::make_shared<Impl>(std::move(executor), std::move(path), std::move(handler));
  impl->acceptor.assign(stream_protocol(), made->listener.release());
  impl->lock = std::move(made->lock);
  impl->accept();
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

ControlServer::ControlServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

ControlServer::~ControlServer() {
  impl_->is_closed = true;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->pause.cancel();
  // The lock's file stays: removing it would let two daemons lock two different files of one name.
  ::unlink(impl_->path.c_str());
  for (const auto& client : std::exchange(impl_->clients, {})) client->close();
}

}  // namespace srp_nbd
