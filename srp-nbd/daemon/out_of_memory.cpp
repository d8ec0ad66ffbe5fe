// SPDX-License-Identifier: Apache-2.0
#include "daemon/out_of_memory.hpp"

#include <syslog.h>
#include <unistd.h>

#include <new>

#include "support/failure.hpp"

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

}  // namespace srp_nbd
