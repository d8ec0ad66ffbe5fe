// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>

#include "control/control_server.hpp"
#include "control/orders.hpp"
#include "daemon/process.hpp"
#include "daemon/registry.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using asio::awaitable;

// The limit for the end of the daemon, because the kernel may never release a device. It is long enough for a
// stuck connect and the following disconnect of 10.5 s each. srp-nbd.service gives up after 30 s.
constexpr std::chrono::seconds kStopDeadline{25};

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
    if (order) co_return co_await registry_.handle(std::move(*order));
    co_return ControlServer::Reply{answer_json(order.error()), {}};
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

  awaitable<void> connect_configured(SessionRequest request) {
    const auto session = co_await registry_.connect(std::move(request));
    if (!session) spdlog::error("configured session: {}", session.error().message);
  }

  // The daemon ends with this session, or if the session cannot be made.
  awaitable<void> connect_own(SessionRequest request) {
    registry_.on_session_gone([this] {
      if (registry_.is_empty()) asio::post(io_, [this] { spawn(io_.get_executor(), stop()); });
    });
    const auto session = co_await registry_.connect(std::move(request));
    if (!session) {
      if (!is_stopping_) outcome_ = session.error();
      co_await stop();
    } else if (options_.on_run_ready) {
      options_.on_run_ready(co_await (*session)->view((*session)->ask_status()));
    }
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
