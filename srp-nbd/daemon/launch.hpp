// SPDX-License-Identifier: Apache-2.0
// Starts the daemon process, in the background or not, or a daemon for one session.
#pragma once

#include <functional>
#include <string>

#include "control/session_request.hpp"
#include "control/session_view.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct LaunchArguments {
  std::string config_path;
  std::string control_path;  // empty: the configuration's, or the default
  bool foreground = false;
};

// Returns when the daemon has ended. For a daemon in the background, returns when its control socket exists
// or it has failed.
[[nodiscard]] ExitCode launch_daemon(const LaunchArguments&);
[[nodiscard]] ExitCode run_one_session(const std::string& control_path, SessionRequest,
                                       std::function<void(const SessionView&)> on_ready);

}  // namespace srp_nbd
