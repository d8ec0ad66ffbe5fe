// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "control/control_server.hpp"
#include "control/orders.hpp"
#include "daemon/config.hpp"
#include "daemon/log.hpp"
#include "daemon/process.hpp"
#include "daemon/registry.hpp"
#include "support/coroutine.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;

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
    if (!options_.config_path.empty())
      registry_.read_configuration_with([this] { return read_configuration(); });
    spdlog::info("control socket {}", options_.control_path);
    spawn(io_.get_executor(), watch_signals());
    spawn(io_.get_executor(), configure());
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
      if (signal == SIGHUP && !options_.run) {
        spdlog::info("SIGHUP: reading the configuration again");
        spawn(io_.get_executor(), reload());
        continue;
      }
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

  awaitable<void> configure() {
    const auto done = co_await registry_.configure(std::move(options_.config.sessions), false);
    log(done);
  }

  awaitable<void> reload() {
    const auto done = co_await registry_.reload(false);
    if (done)
      log(*done);
    else
      spdlog::error("not reloaded: {}", done.error().message);
  }

  static void log(const ReloadAnswer& done) {
    for (const auto& session : done.sessions)
      spdlog::log(session.error ? spdlog::level::err : spdlog::level::info, "configured session {}",
                  reloaded_text(session));
  }

  Outcome<std::vector<SessionRequest>> read_configuration() {
    auto config = load_config(options_.config_path);
    if (!config) return config.error();
    set_log_level(config->log_level);
    if (config->control_path != options_.config.control_path)
      spdlog::warn("control = \"{}\" takes effect when the daemon is started again", config->control_path);
    return std::move(config->sessions);
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
      const auto asked = (*session)->ask_status();
      const auto view = co_await (*session)->view(asked);
      options_.on_run_ready(view);
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

// The daemon changes its folder, so the paths must be absolute.
std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

ExitCode serve(DaemonOptions options) {
  const auto outcome = run_daemon(std::move(options));
  return outcome ? ExitCode::ok : report(outcome.error());
}

// Called in the child, which leaves the terminal. Until it is ready, its messages go to the parent's stderr.
void detach() {
  ::setsid();
  if (::chdir("/") != 0) std::perror("srp-nbd: chdir /");
  const UniqueFd null(::open("/dev/null", O_RDWR));
  ::dup2(null.get(), STDIN_FILENO);
  ::dup2(null.get(), STDOUT_FILENO);
}

// In the parent, returns when the daemon is ready or has failed.
ExitCode serve_in_background(DaemonOptions options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return report(system_failure("pipe", errno));
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return report(system_failure("fork", errno));
  if (child > 0) {
    write_end.reset();
    char ready = 0;
    ssize_t got = 0;
    do got = ::read(read_end.get(), &ready, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1) {
      std::printf("srp-nbd daemon: pid %d, control socket %s, log in syslog\n", child,
                  options.control_path.c_str());
      return ExitCode::ok;
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? static_cast<ExitCode>(WEXITSTATUS(status))
                                                         : ExitCode::failed;
  }
  read_end.reset();
  detach();
  log_to_syslog(options.config.log_level);
  options.on_ready = [fd = write_end.get()] {
    const UniqueFd null(::open("/dev/null", O_RDWR));
    ::dup2(null.get(), STDERR_FILENO);
    if (::write(fd, "r", 1) != 1) spdlog::warn("the process that started this daemon has ended");
  };
  return serve(std::move(options));
}

}  // namespace

Outcome<> run_daemon(DaemonOptions options) {
  end_when_out_of_memory();
  raise_descriptor_limit();
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

ExitCode launch_daemon(const std::string& config_path, const std::string& control_path, bool foreground) {
  DaemonOptions options;
  if (!config_path.empty()) {
    auto config = load_config(config_path);
    if (!config) return report(config.error());
    options.config = std::move(*config);
    options.config_path = absolute(config_path);
  }
  options.control_path = absolute(!control_path.empty()                  ? control_path
                                  : !options.config.control_path.empty() ? options.config.control_path
                                                                         : default_control_path());
  if (!foreground) return serve_in_background(std::move(options));
  log_to_stderr(options.config.log_level);
  return serve(std::move(options));
}

ExitCode run_one_session(const std::string& control_path, SessionRequest request,
                         std::function<void(const SessionView&)> on_ready) {
  DaemonOptions options;
  options.run = std::move(request);
  options.control_path = absolute(control_path);
  options.on_run_ready = std::move(on_ready);
  log_to_stderr("info");
  return serve(std::move(options));
}

}  // namespace srp_nbd
