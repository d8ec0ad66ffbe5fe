// SPDX-License-Identifier: Apache-2.0
// The configuration file, in TOML: the daemon's own keys, and one [[session]] table per session to connect at
// the start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/option.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct Config {
  std::string control_path;        // empty: default_control_path()
  std::string log_level = "info";  // debug, info, warning, error
  std::vector<SessionRequest> sessions;
};

// Limits: 1 MiB of text, 256 sessions. Unknown or repeated keys, wrong types and values out of range are
// errors (bad_config) whose message starts with "FILE:LINE:COLUMN: ".
[[nodiscard]] Outcome<Config> parse_config(std::string_view text, const std::string& file_name,
                                           const OptionTable& = options());
[[nodiscard]] Outcome<Config> load_config(const std::string& path);

}  // namespace srp_nbd
