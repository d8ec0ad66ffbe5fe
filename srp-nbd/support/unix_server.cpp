// SPDX-License-Identifier: Apache-2.0
#include "support/unix_server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "support/coroutine.hpp"

namespace srp_nbd {

namespace asio = boost::asio;

struct UnixServer::Impl {
  Impl(asio::any_io_executor executor, Serve serve_in, OnError on_error_in)
      : acceptor(std::move(executor)), serve(std::move(serve_in)), on_error(std::move(on_error_in)) {}

  static asio::awaitable<void> accept(std::shared_ptr<Impl> self);
  static asio::awaitable<void> serve_one(std::shared_ptr<Impl> self, Socket);

  asio::local::stream_protocol::acceptor acceptor;
  const Serve serve;
  const OnError on_error;
  std::set<Socket*> sockets;  // members of the frames of serve_one
  bool is_closed = false;
};

asio::awaitable<void> UnixServer::Impl::accept(std::shared_ptr<Impl> self) {
  constexpr std::chrono::milliseconds kPause{100};
  for (;;) {
    Socket socket(self->acceptor.get_executor());
    boost::system::error_code error;
    co_await self->acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (self->is_closed) co_return;
    if (!error) {
      spawn(self->acceptor.get_executor(), serve_one(self, std::move(socket)));
      continue;
    }
    self->on_error(error);
    co_await pause(kPause);
    if (self->is_closed) co_return;
  }
}

asio::awaitable<void> UnixServer::Impl::serve_one(std::shared_ptr<Impl> self, Socket socket) {
  self->sockets.insert(&socket);
  co_await self->serve(socket);
  self->sockets.erase(&socket);
}

UnixServer::UnixServer(asio::any_io_executor executor, UniqueFd listener, Serve serve, OnError on_error)
    : impl_(std::make_shared<Impl>(executor, std::move(serve), std::move(on_error))) {
  impl_->acceptor.assign(asio::local::stream_protocol(), listener.release());
  spawn(executor, Impl::accept(impl_));
}

UnixServer::~UnixServer() {
  impl_->is_closed = true;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
  for (auto* socket : impl_->sockets) socket->close(ignored);
}

std::size_t UnixServer::clients() const noexcept { return impl_->sockets.size(); }

}  // namespace srp_nbd
