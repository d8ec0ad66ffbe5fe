// SPDX-License-Identifier: Apache-2.0
// The daemon's main thread: signals, the control socket, the registry.
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
  // `srp-nbd run`: one session of its own, with whose first login and whose end the daemon stands and falls.
  std::optional<SessionRequest> run;
  std::function<void(const SessionView&)> on_run_ready;
  std::function<void()> on_ready;  // the control socket is there
};

// Returns when a signal (TERM, INT, HUP), or the end of the session it was started for, has ended it: kernel devices
// disconnected, sessions erased, the control socket removed. From here on the process ends when it is out of memory
// (out_of_memory.hpp).
[[nodiscard]] Outcome<> run_daemon(DaemonOptions);

}  // namespace srp_nbd
