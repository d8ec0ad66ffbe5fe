// SPDX-License-Identifier: Apache-2.0
// The commands. Each file declares the arguments, the help and the action of some commands. Results go to
// stdout, messages for people to stderr.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/client.hpp"
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

class Commands {
 public:
  Commands(CLI::App& app, Daemon of_program) : daemon(std::move(of_program)), app_(app) { add_control(app); }

  // `run` is called after the whole command line is parsed, and returns the exit code. `examples` ends with a
  // line feed.
  CLI::App& add(const std::string& name, const std::string& help, const std::string& examples,
                std::function<ExitCode()> run) {
    return add_to(app_, name, help, examples, std::move(run));
  }
  CLI::App& add_to(CLI::App& parent, const std::string& name, const std::string& help,
                   const std::string& examples, std::function<ExitCode()> run);
  // A command with subcommands.
  CLI::App& add_group(const std::string& name, const std::string& help);

  [[nodiscard]] std::string control_path() const;  // from --control, or the default
  [[nodiscard]] const std::string& given_control_path() const { return control_path_; }
  [[nodiscard]] ControlClient client() const { return ControlClient(control_path()); }
  // Runs the chosen command.
  [[nodiscard]] ExitCode run_chosen() const;

  const Daemon daemon;

 private:
  void add_control(CLI::App&);

  CLI::App& app_;
  std::string control_path_;
  std::vector<std::pair<const CLI::App*, std::function<ExitCode()>>> runs_;
};

extern const char* const kExitCodes;  // the last lines of each help text
extern const CLI::Validator
    kNotEmpty;  // because an unset variable of a script would change the meaning of the command
extern const CLI::Validator kWholeNumber;
void add_name(CLI::App&, std::string& name);  // adds NAME, the name of a session
void print(const std::string&);               // to standard output

void add_daemon_command(Commands&);
void add_run_command(Commands&);
void add_connect_command(Commands&);
void add_report_commands(Commands&);     // list, show
void add_session_commands(Commands&);    // disconnect, reconnect, erase
void add_unit_task_commands(Commands&);  // abort, reset
void add_sync_command(Commands&);
void add_events_command(Commands&);
void add_target_command(Commands&);

}  // namespace srp_nbd
