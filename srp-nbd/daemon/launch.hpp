// SPDX-License-Identifier: Apache-2.0
// The process that is the daemon: in the background or not, and one that serves a single session.
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

// Returns when the daemon has ended; in the background, when its control socket is there, or it has said why not.
[[nodiscard]] ExitCode launch_daemon(const LaunchArguments&);
[[nodiscard]] ExitCode run_one_session(const std::string& control_path, SessionRequest,
                                       std::function<void(const SessionView&)> on_ready);

}  // namespace srp_nbd
