// SPDX-License-Identifier: Apache-2.0
// The start of the daemon process.
#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include "control/paths.hpp"
#include "daemon/config.hpp"
#include "daemon/daemon.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {
namespace {

void log_to(std::shared_ptr<spdlog::logger> logger, const std::string& pattern, const std::string& level) {
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_pattern(pattern);
  spdlog::set_level(spdlog::level::from_str(level == "error" ? "err" : level));
}

void log_to_stderr(const std::string& level) {
  log_to(spdlog::stderr_color_mt("srp-nbd"), "%H:%M:%S.%e %^%l%$ %v", level);
}

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
  log_to(spdlog::syslog_logger_mt("srp-nbd", "srp-nbd", LOG_PID, LOG_DAEMON), "%v", options.config.log_level);
  options.on_ready = [fd = write_end.get()] {
    const UniqueFd null(::open("/dev/null", O_RDWR));
    ::dup2(null.get(), STDERR_FILENO);
    if (::write(fd, "r", 1) != 1) spdlog::warn("the process that started this daemon has ended");
  };
  return serve(std::move(options));
}

}  // namespace

ExitCode launch_daemon(const std::string& config_path, const std::string& control_path, bool foreground) {
  DaemonOptions options;
  if (!config_path.empty()) {
    auto config = load_config(config_path);
    if (!config) return report(config.error());
    options.config = std::move(*config);
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
