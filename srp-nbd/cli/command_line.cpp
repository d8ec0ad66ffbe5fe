// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <cstdio>
#include <string>

namespace srp_nbd {
namespace {

int wrong_command(const CLI::App& app, const std::string& word) {
  std::string known;
  for (const auto* command : app.get_subcommands({}))
    known += (known.empty() ? "" : ", ") + command->get_name();
  std::fprintf(stderr, "srp-nbd: %s: expected one of %s; `srp-nbd --help` explains them\n",
               word.empty() ? "no command given" : ("unknown command \"" + word + "\"").c_str(),
               known.c_str());
  return static_cast<int>(ExitCode::usage);
}

}  // namespace

int run_command_line(int argc, char** argv, Daemon daemon) {
  CLI::App app{"Logical units of SRP targets as block devices that outlive their target"};
  app.name("srp-nbd");
  app.require_subcommand(0, 1);  // the error is printed below
  app.set_version_flag("--version", "srp-nbd " SRPI_VERSION);
  app.footer(std::string("`srp-nbd COMMAND --help` explains a command, with examples.\n") + kExitCodes);
  Commands commands(app, std::move(daemon));
  for (const auto add :
       {add_daemon_command, add_run_command, add_connect_command, add_report_commands, add_session_commands,
        add_unit_task_commands, add_sync_command, add_events_command, add_target_command})
    add(commands);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& error) {
    if (app.get_subcommands().empty()) return wrong_command(app, app.remaining().front());
    return app.exit(error), static_cast<int>(ExitCode::usage);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  if (app.get_subcommands().empty()) return wrong_command(app, {});

  const auto code = commands.run_chosen();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return static_cast<int>(code);
  std::perror("srp-nbd: writing to standard output");
  return static_cast<int>(code == ExitCode::ok ? ExitCode::failed : code);
}

}  // namespace srp_nbd
