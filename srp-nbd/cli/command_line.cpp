// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "control/orders.hpp"

namespace srp_nbd {
namespace {

// The last lines of each help text.
constexpr const char* kExitCodes = R"(Exit codes:
  0 done   1 failed   2 wrong usage or configuration   3 no daemon runs   4 no such session   5 no permission
)";

int wrong_command(const CLI::App& app, const std::string& problem) {
  std::vector<std::string> known;
  for (const auto* command : app.get_subcommands({})) known.push_back(command->get_name());
  fmt::print(stderr, "srp-nbd: {}: expected one of {}; `srp-nbd --help` explains them\n", problem,
             fmt::join(known, ", "));
  return static_cast<int>(ExitCode::usage);
}

}  // namespace

const CLI::Validator kNotEmpty(
    [](std::string& text) { return text.empty() ? "expected a value, got an empty text" : ""; }, "");

const CLI::Validator kWholeNumber(
    [](std::string& text) {
      const bool is_one = !text.empty() && text.size() <= 18 &&
                          std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
      return is_one ? std::string() : "expected a whole number, got \"" + text.substr(0, 64) + "\"";
    },
    "");

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Commands::Commands(CLI::App& app, Daemon of_program) : daemon(std::move(of_program)), app_(app) {
  add_control(app);
}

void Commands::add_control(CLI::App& app) {
  app.add_option("--control", daemon_arguments.control_path,
                 "The daemon's control socket (" + default_control_path() + ")")
      ->type_name("PATH")
      ->check(kNotEmpty);
}

CLI::App& Commands::add_to(CLI::App& parent, const std::string& name, const std::string& help,
                           const std::string& examples, Run run) {
  auto* command = parent.add_subcommand(name, help);
  add_control(*command);
  command->footer("Examples:\n" + examples + kExitCodes);
  command->callback([this, run] { exit_code_ = run(*this); });
  return *command;
}

CLI::App& Commands::add_group(const std::string& name, const std::string& help) {
  auto* group = app_.add_subcommand(name, help);
  group->require_subcommand(1);
  return *group;
}

void Commands::add_name(CLI::App& command) {
  command.add_option("NAME", name, "The session's name, as list shows it")->required();
}

std::string Commands::control_path() const {
  return daemon_arguments.control_path.empty() ? default_control_path() : daemon_arguments.control_path;
}

int run_command_line(int argc, char** argv, Daemon daemon) {
  CLI::App app{"Logical units of SRP targets as block devices that outlive their target"};
  app.name("srp-nbd");
  app.require_subcommand(0, 1);  // the error is printed below
  app.set_version_flag("--version", "srp-nbd " SRPI_VERSION);
  app.footer(std::string("`srp-nbd COMMAND --help` explains a command, with examples.\n") + kExitCodes);
  Commands commands(app, std::move(daemon));
  add_session_commands(commands);
  add_unit_commands(commands);
  add_sync_command(commands);
  add_events_and_target_commands(commands);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& error) {
    if (app.get_subcommands().empty())
      return wrong_command(app, fmt::format("unknown command \"{}\"", app.remaining().front()));
    return app.exit(error), static_cast<int>(ExitCode::usage);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  if (app.get_subcommands().empty()) return wrong_command(app, "no command given");

  const auto code = commands.exit_code();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return static_cast<int>(code);
  std::perror("srp-nbd: writing to standard output");
  return static_cast<int>(code == ExitCode::ok ? ExitCode::failed : code);
}

}  // namespace srp_nbd
