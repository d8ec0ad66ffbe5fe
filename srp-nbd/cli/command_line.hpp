// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/commands.hpp"

namespace srp_nbd {

// Parses the arguments, runs the command, and returns the exit code.
int run_command_line(int argc, char** argv, Daemon);

}  // namespace srp_nbd
