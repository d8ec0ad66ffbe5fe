// SPDX-License-Identifier: Apache-2.0
// Where the daemon's log goes. What a line quotes from a stranger cannot forge another line or reach the terminal:
// such bytes are written in hexadecimal.
#pragma once

#include <string>

namespace srp_nbd {

void set_log_level(const std::string& level);  // debug, info, warning, error
void log_to_stderr(const std::string& level);
void log_to_syslog(const std::string& level);

}  // namespace srp_nbd
