// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "control/orders.hpp"
#include "daemon/control_server.hpp"
#include "daemon/notify.hpp"
#include "daemon/registry.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// A kernel that does not let a device go must not keep the daemon for ever. It has time for a connect that is stuck and
// the disconnect after it, 10.5 s each; srp-nbd.service gives up after 30.
constexpr std::chrono::seconds kStopDeadline{25};

class Daemon {
 public:
  explicit Daemon(DaemonOptions options)
      : options_(std::move(options)),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        stop_deadline_(io_),
        registry_(io_.get_executor()) {}

  [[nodiscard]] bool has_sessions() const noexcept { return !registry_.is_empty(); }

  Outcome<> run() {
    auto server = ControlServer::listen(
        io_.get_executor(), options_.control_path,
        [this](std::string_view line, ControlServer::Answer answer) { on_line(line, std::move(answer)); });
    if (!server) return server.error();
    server_ = std::move(*server);
    spdlog::info("control socket {}", options_.control_path);
    await_signal();
    for (const auto& session : options_.config.sessions) connect_configured(session);
    if (options_.run) connect_own(*options_.run);
    notify_service_manager("READY=1");
    if (options_.on_ready) options_.on_ready();
    // A handler that found no memory has ended what it was about; the others go on.
    for (bool ended = false; !ended;)
      guarded(
          [&] {
            io_.run();
            ended = true;
          },
          [] { spdlog::error("out of memory: an order or a client was dropped"); });
    return std::move(outcome_);
  }

 private:
  void on_line(std::string_view line, ControlServer::Answer answer) {
    auto order = parse_order(line);
    if (!order) return answer(answer_json(order.error()), nullptr);
    if (const auto* events = std::get_if<EventsOrder>(&*order)) {
      auto follower = registry_.follow(events->name.value_or(""));
      if (!follower) return answer(answer_json(follower.error()), nullptr);
      return answer(answer_json(DoneAnswer{}), std::move(*follower));
    }
    registry_.handle(std::move(*order), [answer = std::move(answer)](json::object object) {
      answer(std::move(object), nullptr);
    });
  }

  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      spdlog::info("signal {}: stopping", signal);
      stop();
      await_signal();
    });
  }

  void stop() {
    if (is_stopping_) return;
    is_stopping_ = true;
    notify_service_manager("STOPPING=1");
    stop_deadline_.expires_after(kStopDeadline);
    stop_deadline_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      spdlog::error("some sessions could not be ended in time");
      outcome_ = Failure{"timed_out", "some sessions could not be ended in time; see the log"};
      end();
    });
    registry_.erase_all([this] { end(); });
  }

  void end() {
    server_.reset();
    io_.stop();
  }

  void connect_configured(const SessionRequest& session) {
    registry_.handle(ConnectOrder{{session, {}}}, [](const json::object& answer) {
      if (const auto* error = answer.if_contains("error"))
        spdlog::error("configured session: {}", std::string_view(error->at("message").as_string()));
    });
  }

  void connect_own(const SessionRequest& session) {
    registry_.on_session_gone([this] {
      if (registry_.is_empty()) asio::post(io_, [this] { stop(); });
    });
    registry_.handle(ConnectOrder{{session, {}}}, [this](const json::object& answer) {
      if (const auto* error = answer.if_contains("error")) {
        if (!is_stopping_)
          outcome_ = Failure{std::string(error->at("code").as_string()),
                             std::string(error->at("message").as_string())};
        return asio::post(io_, [this] { stop(); });
      }
      SessionAnswer ready;
      if (options_.on_run_ready && JsonReader(Reading::answer).read_members(answer, ready))
        options_.on_run_ready(ready.session);
    });
  }

  DaemonOptions options_;
  asio::io_context io_{1};
  asio::signal_set signals_;
  asio::steady_timer stop_deadline_;
  Registry registry_;
  std::unique_ptr<ControlServer> server_;
  Outcome<> outcome_;
  bool is_stopping_ = false;
};

}  // namespace

Outcome<> run_daemon(DaemonOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  if (options.control_path.empty()) options.control_path = options.config.control_path;
  auto daemon = std::make_unique<Daemon>(std::move(options));
  auto outcome = daemon->run();
  if (daemon->has_sessions()) {
    // Their lanes hang, and use what they report to; waiting for them would keep the process, which ends now.
    [[maybe_unused]] static const Daemon* left_behind = nullptr;
    left_behind = daemon.release();
  }
  return outcome;
}

}  // namespace srp_nbd
