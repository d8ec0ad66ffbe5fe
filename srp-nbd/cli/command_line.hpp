// SPDX-License-Identifier: Apache-2.0
// The command line. A command is its arguments, its help and its action. Results go to stdout, messages for
// people to stderr.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "control/client.hpp"
#include "control/orders.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

// The daemon's functions. The program that links the daemon provides them.
struct Daemon {
  // An empty path: none; the configuration's, or the default.
  ExitCode (*serve)(const std::string& config_path, const std::string& control_path, bool foreground);
  ExitCode (*run)(const std::string& control_path, SessionRequest);
};

// Parses the arguments, runs the command, and returns the exit code.
int run_command_line(int argc, char** argv, Daemon);

// The commands, and their arguments. One command runs in a process, so that all share the arguments.
struct Commands {
  using Run = ExitCode (*)(const Commands&);

  Commands(CLI::App& program, Daemon of_program);

  // `run` is called after the whole command line is parsed. `examples` ends with a line feed. `parent`: of a
  // command with subcommands.
  CLI::App& add(const std::string& word, const std::string& help, const std::string& examples, Run run,
                CLI::App* parent = nullptr);
  void add_control(CLI::App&);
  void add_name(CLI::App&);  // NAME, the name of a session

  [[nodiscard]] std::string control_path() const;  // from --control, or the default
  [[nodiscard]] ControlClient client() const { return ControlClient(control_path()); }
  [[nodiscard]] const CLI::App& chosen() const { return *app.get_subcommands().front(); }

  CLI::App& app;
  const Daemon daemon;
  std::string given_control_path;  // empty: none
  std::string config_path;
  std::string name;       // of a session
  std::string list_path;  // of the targets for sync; empty or "-": standard input
  std::optional<std::uint64_t> lun, size_bytes;
  bool as_json = false, is_dry_run = false, in_foreground = false, is_forced = false, is_pruning = false;
  ExitCode exit_code = ExitCode::ok;  // of the command that has run
};

// An empty text is refused, because an unset variable of a script would change the meaning of the command.
extern const CLI::Validator kNotEmpty;
extern const CLI::Validator kWholeNumber;
void print(const std::string&);  // to standard output

// The options of a session (control/option.hpp) as arguments of a command.
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

void add_session_commands(
    Commands&);  // daemon, run, reload, connect, list, show, disconnect, reconnect, rescan, erase
void add_unit_commands(Commands&);  // abort, reset
void add_sync_command(Commands&);
void add_events_and_target_commands(Commands&);

}  // namespace srp_nbd
