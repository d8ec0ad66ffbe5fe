// SPDX-License-Identifier: Apache-2.0
// The daemon process: its start, in the background or not, and its main thread with signals, control socket
// and registry.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "control/option.hpp"
#include "control/reports.hpp"
#include "daemon/config.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct DaemonOptions {
  Config config;
  std::string config_path;   // absolute; empty: there is no configuration
  std::string control_path;  // not the configuration's
  // For `srp-nbd run`: the daemon's only session. The daemon ends with it, or if its first login fails.
  std::optional<SessionRequest> run;
  std::function<void(const SessionView&)> on_run_ready;
  std::function<void()> on_ready;  // called when the control socket exists
};

// HUP reads the configuration again. Returns after the signal TERM or INT (of `srp-nbd run`, also HUP), or after the end of the session of `srp-nbd run`. Kernel devices
// are then disconnected, sessions erased, and the control socket is removed. From here on the process ends
// when it is out of memory (process.hpp).
[[nodiscard]] Outcome<> run_daemon(DaemonOptions);

// Starts a daemon. `config_path` may be empty; an empty `control_path` is the configuration's, or the default.
// Returns when the daemon has ended. For a daemon in the background, returns when its control socket exists or
// it has failed.
[[nodiscard]] ExitCode launch_daemon(const std::string& config_path, const std::string& control_path,
                                     bool foreground);
// Runs a daemon for one session in the foreground.
[[nodiscard]] ExitCode run_one_session(const std::string& control_path, SessionRequest,
                                       std::function<void(const SessionView&)> on_ready);

}  // namespace srp_nbd
