// SPDX-License-Identifier: Apache-2.0
// The options of a session (control/option.hpp) as arguments of a command.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "control/client.hpp"
#include "control/orders.hpp"

namespace srp_nbd {

enum class SessionUse : std::uint8_t {
  connect,
  sync,  // of many sessions: without options that must be different for each
  run,   // without a daemon: without options of an order
};
void add_session_arguments(CLI::App& command, SessionUse, const OptionTable& = options());

// Makes the order from a parsed command line. The values are checked here, too, so that an error is reported
// also without a daemon. `target` is used if the command has no such argument.
[[nodiscard]] Outcome<ConnectOrder> session_order(const CLI::App& command, const std::string& target = {},
                                                  const OptionTable& = options());

// The time for the answer to a connect: its own timeout, and the time to publish the largest number of
// devices.
[[nodiscard]] Patience patience_for(const ConnectOrder&);

}  // namespace srp_nbd
