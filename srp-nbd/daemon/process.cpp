// SPDX-License-Identifier: Apache-2.0
#include "daemon/process.hpp"

#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <boost/asio/local/datagram_protocol.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"
#include "support/unix_server.hpp"

namespace srp_nbd {
namespace {

// This function must not allocate. syslog may, but also works without memory.
[[noreturn]] void end_process() {
  constexpr char kWords[] = "srp-nbd: out of memory\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, kWords, sizeof kWords - 1);
  ::syslog(LOG_DAEMON | LOG_CRIT, "out of memory");
  ::_exit(static_cast<int>(ExitCode::out_of_memory));
}

}  // namespace

void end_when_out_of_memory() noexcept { std::set_new_handler(end_process); }

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

void become_io_flusher() {
  static bool is_done = false;
  // Both need privileges, and MCL_FUTURE with a low limit would make allocations fail.
  if (std::exchange(is_done, true) || ::geteuid() != 0) return;
  if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0)
    spdlog::info("PR_SET_IO_FLUSHER was refused ({}): under memory pressure writeback may wait for itself",
                 std::strerror(errno));
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
    spdlog::info("mlockall was refused ({}): pages of this daemon may be swapped out", std::strerror(errno));
}

void notify_service_manager(std::string_view state) noexcept {
  const char* const name = std::getenv("NOTIFY_SOCKET");
  if (!name || (*name != '/' && *name != '@')) return;
  std::string path(name);
  if (!check_socket_path(path)) return;
  if (path[0] == '@') path[0] = '\0';  // an abstract socket
  const boost::asio::local::datagram_protocol::endpoint address(path);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  (void)::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, address.data(),
                 static_cast<socklen_t>(address.size()));
}

}  // namespace srp_nbd
