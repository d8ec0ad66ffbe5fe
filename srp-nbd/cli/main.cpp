// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <new>

#include "cli/command_line.hpp"
#include "daemon/failure.hpp"

int main(int argc, char** argv) {
  try {
    return srp_nbd::run_command_line(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("srp-nbd: out of memory\n", stderr);
    return static_cast<int>(srp_nbd::ExitCode::failed);
  }
}
