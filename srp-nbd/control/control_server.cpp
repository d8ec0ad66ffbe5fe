// SPDX-License-Identifier: Apache-2.0
#include "control/control_server.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "control/control_socket.hpp"
#include "control/orders.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using Socket = UnixServer::Socket;

constexpr std::size_t kMaxClients = 64;
constexpr std::chrono::seconds kLineDeadline{5};
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// The failure if the client has disconnected: there is nobody to answer.
Failure gone() { return {}; }

// Returns the next line, without its line feed. A failure with a code is sent to the client before it is
// disconnected.
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
  if (error) co_return gone();
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
  for (;;) {
    const auto line = co_await next();
    const auto text = *line + '\n';
    boost::system::error_code error;
    co_await asio::async_write(socket, asio::buffer(text), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
  }
}

awaitable<void> await_end(Socket& socket) {
  char byte = 0;
  boost::system::error_code ignored;
  co_await socket.async_read_some(asio::buffer(&byte, 1), asio::redirect_error(asio::use_awaitable, ignored));
}

awaitable<void> follow(Socket& socket, const ControlServer::NextLine& next) {
  using namespace asio::experimental::awaitable_operators;
  co_await (write_lines(socket, next) || await_end(socket));
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
                                                              std::string path, CarryOut carry_out) {
  auto lock = lock_control_path(path);
  if (!lock) return lock.error();
  const auto serve = [served = std::make_shared<std::size_t>(0), carry_out = std::move(carry_out)](
                         Socket& socket) { return admit(socket, served, carry_out); };
  auto server = UnixServer::listen(std::move(executor), std::move(path), "control socket", serve);
  if (!server) return with_advice(server.error());
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(*lock), std::move(*server)));
}

}  // namespace srp_nbd
