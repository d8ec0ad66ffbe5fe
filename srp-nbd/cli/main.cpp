// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <new>

#include "cli/command_line.hpp"
#include "cli/session_text.hpp"
#include "daemon/daemon.hpp"
#include "support/failure.hpp"

namespace {

// Opens the standard descriptors that the caller has closed. Otherwise a socket or a pipe would get one of
// these numbers, and printed text would go there.
void fill_standard_descriptors() {
  int fd = -1;
  do fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

// Runs a daemon for one session, and prints its units when they are published.
srp_nbd::ExitCode run(const std::string& control_path, srp_nbd::SessionRequest request) {
  return srp_nbd::run_one_session(control_path, std::move(request), [](const srp_nbd::SessionView& session) {
    srp_nbd::print(units_text(session));
    std::fflush(stdout);
  });
}

}  // namespace

int main(int argc, char** argv) {
  fill_standard_descriptors();
  try {
    return srp_nbd::run_command_line(argc, argv, {srp_nbd::launch_daemon, run});
  } catch (const std::bad_alloc&) {
    std::fputs("srp-nbd: out of memory\n", stderr);
    return static_cast<int>(srp_nbd::ExitCode::out_of_memory);
  }
}
