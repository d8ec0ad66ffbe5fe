// SPDX-License-Identifier: Apache-2.0
// The daemon's main thread: signals, control socket, registry.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "control/session_request.hpp"
#include "control/session_view.hpp"
#include "daemon/config.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct DaemonOptions {
  Config config;
  std::string control_path;
  // For `srp-nbd run`: the daemon's only session. The daemon ends with it, or if its first login fails.
  std::optional<SessionRequest> run;
  std::function<void(const SessionView&)> on_run_ready;
  std::function<void()> on_ready;  // called when the control socket exists
};

// Returns after a signal (TERM, INT, HUP), or after the end of the session of `srp-nbd run`. Kernel devices
// are then disconnected, sessions erased, and the control socket is removed. From here on the process ends
// when it is out of memory (out_of_memory.hpp).
[[nodiscard]] Outcome<> run_daemon(DaemonOptions);

}  // namespace srp_nbd
