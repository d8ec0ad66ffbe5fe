// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"

#include <algorithm>
#include <cstdio>

#include "control/paths.hpp"

namespace srp_nbd {

const char* const kExitCodes = R"(Exit codes:
  0 done   1 failed   2 wrong usage or configuration   3 no daemon runs   4 no such session   5 no permission
)";

const CLI::Validator kNotEmpty(
    [](std::string& text) { return text.empty() ? "expected a value, got an empty text" : ""; }, "");

const CLI::Validator kWholeNumber(
    [](std::string& text) {
      const bool is_one = !text.empty() && text.size() <= 18 &&
                          std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
      return is_one ? std::string() : "expected a whole number, got \"" + text.substr(0, 64) + "\"";
    },
    "");

void Commands::add_control(CLI::App& app) {
  app.add_option("--control", control_path_, "The daemon's control socket (" + default_control_path() + ")")
      ->type_name("PATH")
      ->check(kNotEmpty);
}

CLI::App& Commands::add_to(CLI::App& parent, const std::string& name, const std::string& help,
                           const std::string& examples, std::function<ExitCode()> run) {
  auto* command = parent.add_subcommand(name, help);
  add_control(*command);
  command->footer("Examples:\n" + examples + kExitCodes);
  runs_.emplace_back(command, std::move(run));
  return *command;
}

CLI::App& Commands::add_group(const std::string& name, const std::string& help) {
  auto* group = app_.add_subcommand(name, help);
  group->require_subcommand(1);
  return *group;
}

std::string Commands::control_path() const {
  return control_path_.empty() ? default_control_path() : control_path_;
}

ExitCode Commands::run_chosen() const {
  const auto chosen = std::ranges::find_if(runs_, [](const auto& run) { return run.first->parsed(); });
  return chosen->second();
}

void add_name(CLI::App& command, std::string& name) {
  command.add_option("NAME", name, "The session's name, as list shows it")->required();
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace srp_nbd
