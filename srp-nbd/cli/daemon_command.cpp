// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"

namespace srp_nbd {

void add_daemon_command(Commands& commands) {
  const auto arguments = std::make_shared<DaemonArguments>();
  auto& command = commands.add(
      "daemon", "Start the daemon that the other commands talk to",
      "  srp-nbd daemon --config /etc/srp-nbd.toml\n  srp-nbd daemon --foreground --control /tmp/srp.sock\n"
      "SIGTERM, SIGINT or SIGHUP end it: devices disconnected, sessions erased.\n",
      [&commands, arguments] {
        arguments->control_path = commands.given_control_path();
        return commands.daemon.serve(*arguments);
      });
  command.add_option("--config", arguments->config_path, "Configuration file (TOML)")
      ->type_name("FILE")
      ->check(kNotEmpty);
  command.add_flag("--foreground", arguments->foreground, "Stay in the foreground, log to stderr");
}

}  // namespace srp_nbd
