// SPDX-License-Identifier: Apache-2.0
// The command line. A command is its arguments, its help and its action. Results go to stdout, messages for
// people to stderr.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "control/client.hpp"
#include "control/option.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct DaemonArguments {
  std::string config_path;
  std::string control_path;  // from --control; empty: the configuration's path, or the default
  bool foreground = false;
};

// The daemon's functions. The program that links the daemon provides them.
struct Daemon {
  std::function<ExitCode(const DaemonArguments&)> serve;
  std::function<ExitCode(const std::string& control_path, SessionRequest)> run;
};

// Parses the arguments, runs the command, and returns the exit code.
int run_command_line(int argc, char** argv, Daemon);

// The commands, and their arguments. One command runs in a process, so that all share the arguments.
class Commands {
 public:
  using Run = ExitCode (*)(const Commands&);

  Commands(CLI::App&, Daemon of_program);

  // `run` is called after the whole command line is parsed. `examples` ends with a line feed.
  CLI::App& add(const std::string& name, const std::string& help, const std::string& examples, Run run) {
    return add_to(app_, name, help, examples, run);
  }
  CLI::App& add_to(CLI::App& parent, const std::string& name, const std::string& help,
                   const std::string& examples, Run);
  // A command with subcommands.
  CLI::App& add_group(const std::string& name, const std::string& help);
  // NAME, the name of a session.
  void add_name(CLI::App&);

  [[nodiscard]] std::string control_path() const;  // from --control, or the default
  [[nodiscard]] ControlClient client() const { return ControlClient(control_path()); }
  [[nodiscard]] const CLI::App& chosen() const { return *app_.get_subcommands().front(); }
  [[nodiscard]] ExitCode exit_code() const { return exit_code_; }

  const Daemon daemon;
  DaemonArguments daemon_arguments;
  std::string name;       // of a session
  std::string list_path;  // of the targets for sync; empty or "-": standard input
  std::optional<std::uint64_t> lun;
  bool as_json = false, is_dry_run = false;

 private:
  void add_control(CLI::App&);

  CLI::App& app_;
  ExitCode exit_code_ = ExitCode::ok;
};

// An empty text is refused, because an unset variable of a script would change the meaning of the command.
extern const CLI::Validator kNotEmpty;
extern const CLI::Validator kWholeNumber;
void print(const std::string&);  // to standard output

void add_session_commands(Commands&);  // daemon, run, connect, list, show, disconnect, reconnect, erase
void add_unit_commands(Commands&);     // abort, reset
void add_sync_command(Commands&);
void add_events_and_target_commands(Commands&);

}  // namespace srp_nbd
