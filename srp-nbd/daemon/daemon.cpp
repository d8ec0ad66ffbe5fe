// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "control/control_server.hpp"
#include "control/orders.hpp"
#include "daemon/notify.hpp"
#include "daemon/out_of_memory.hpp"
#include "daemon/registry.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::awaitable;

// The limit for the end of the daemon, because the kernel may never release a device. It is long enough for a
// stuck connect and the following disconnect of 10.5 s each. srp-nbd.service gives up after 30 s.
constexpr std::chrono::seconds kStopDeadline{25};

// Waits for the next line of a follower.
awaitable<std::shared_ptr<const std::string>> next_line(std::shared_ptr<EventFollower> follower) {
  for (;;) {
    if (auto line = follower->next()) co_return line;
    const Answer<std::monostate> ready(co_await asio::this_coro::executor);
    follower->on_ready([ready] { ready.give({}); });
    co_await ready.wait();
  }
}

// Its coroutines do not outlive it, because it owns the io_context.
class Daemon {
 public:
  explicit Daemon(DaemonOptions options)
      : options_(std::move(options)), signals_(io_, SIGTERM, SIGINT, SIGHUP), registry_(io_.get_executor()) {}

  [[nodiscard]] bool has_sessions() const noexcept { return !registry_.is_empty(); }

  Outcome<> run() {
    auto server = ControlServer::listen(io_.get_executor(), options_.control_path,
                                        [this](std::string line) { return carry_out(std::move(line)); });
    if (!server) return server.error();
    server_ = std::move(*server);
    spdlog::info("control socket {}", options_.control_path);
    spawn(io_.get_executor(), watch_signals());
    for (const auto& session : options_.config.sessions)
      spawn(io_.get_executor(), connect_configured(session));
    if (options_.run) spawn(io_.get_executor(), connect_own(*options_.run));
    notify_service_manager("READY=1");
    if (options_.on_ready) options_.on_ready();
    io_.run();
    return std::move(outcome_);
  }

 private:
  awaitable<ControlServer::Reply> carry_out(std::string line) {
    auto order = parse_order(line);
    ControlServer::Reply reply;
    if (!order)
      reply.answer = answer_json(order.error());
    else if (const auto* events = std::get_if<EventsOrder>(&*order))
      reply = follow(events->name.value_or(""));
    else
      reply.answer = co_await registry_.handle(std::move(*order));
    co_return reply;
  }

  ControlServer::Reply follow(const std::string& name) {
    const auto follower = registry_.follow(name);
    if (!follower) return {answer_json(follower.error()), {}};
    return {answer_json(DoneAnswer{}), [follower = *follower] { return next_line(follower); }};
  }

  awaitable<void> watch_signals() {
    for (;;) {
      boost::system::error_code error;
      const int signal = co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      spdlog::info("signal {}: stopping", signal);
      spawn(io_.get_executor(), stop());
    }
  }

  awaitable<void> stop() {
    if (std::exchange(is_stopping_, true)) co_return;
    notify_service_manager("STOPPING=1");
    const bool all_gone = co_await registry_.erase_all(std::chrono::steady_clock::now() + kStopDeadline);
    if (!all_gone) {
      spdlog::error("some sessions could not be ended in time");
      outcome_ = Failure{"timed_out", "some sessions could not be ended in time; see the log"};
    }
    server_.reset();
    io_.stop();
  }

  awaitable<void> connect_configured(SessionRequest session) {
    Order order = ConnectOrder{{std::move(session), {}}};
    const auto answer = co_await registry_.handle(std::move(order));
    if (const auto* error = answer.if_contains("error"))
      spdlog::error("configured session: {}", std::string_view(error->at("message").as_string()));
  }

  // The daemon ends with this session, or if the session cannot be made.
  awaitable<void> connect_own(SessionRequest session) {
    registry_.on_session_gone([this] {
      if (registry_.is_empty()) asio::post(io_, [this] { spawn(io_.get_executor(), stop()); });
    });
    Order order = ConnectOrder{{std::move(session), {}}};
    const auto answer = co_await registry_.handle(std::move(order));
    if (const auto* error = answer.if_contains("error")) {
      if (!is_stopping_)
        outcome_ = Failure{std::string(error->at("code").as_string()),
                           std::string(error->at("message").as_string())};
      co_await stop();
      co_return;
    }
    SessionAnswer ready;
    if (options_.on_run_ready && JsonReader(Reading::answer).read_members(answer, ready))
      options_.on_run_ready(ready.session);
  }

  DaemonOptions options_;
  asio::io_context io_{1};
  asio::signal_set signals_;
  Registry registry_;
  std::unique_ptr<ControlServer> server_;
  Outcome<> outcome_;
  bool is_stopping_ = false;
};

}  // namespace

Outcome<> run_daemon(DaemonOptions options) {
  end_when_out_of_memory();
  std::signal(SIGPIPE, SIG_IGN);
  if (options.control_path.empty()) options.control_path = options.config.control_path;
  auto daemon = std::make_unique<Daemon>(std::move(options));
  auto outcome = daemon->run();
  if (daemon->has_sessions()) {
    // The lanes of these sessions hang and still use these objects. End the process without waiting for the
    // lanes.
    [[maybe_unused]] static const Daemon* left_behind = nullptr;
    left_behind = daemon.release();
  }
  return outcome;
}

}  // namespace srp_nbd
