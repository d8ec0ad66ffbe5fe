// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/value_from.hpp>
#include <charconv>
#include <cstdio>
#include <utility>
#include <vector>

#include "srpi/version.hpp"

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

// The value of an option on the command line.
std::optional<OptionValue> given_value(const CLI::App& command, const Option& option) {
  const auto* given = command.get_option_no_throw(option.flag);
  if (!given || given->empty()) return std::nullopt;
  if (option.is_list()) return given->as<std::vector<std::uint64_t>>();
  if (option.is_joined()) return fmt::format("{}", fmt::join(given->as<std::vector<std::string>>(), ","));
  if (!option.is_switch()) return given->as<std::string>();
  if (!given->as<bool>()) return std::nullopt;
  return option.switches_to();
}

}  // namespace

const CLI::Validator kNotEmpty(
    [](std::string& text) { return text.empty() ? "expected a value, got an empty text" : ""; }, "");

const CLI::Validator kWholeNumber(
    [](std::string& text) {
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      const bool is_one = error == std::errc{} && end == text.data() + text.size();
      return is_one ? std::string() : "expected a whole number, got \"" + text.substr(0, 64) + "\"";
    },
    "");

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

Commands::Commands(CLI::App& program, Daemon of_program) : app(program), daemon(of_program) {
  add_control(app);
}

void Commands::add_control(CLI::App& command) {
  command
      .add_option("--control", given_control_path,
                  "The daemon's control socket (" + default_control_path() + ")")
      ->type_name("PATH")
      ->check(kNotEmpty);
}

CLI::App& Commands::add(const std::string& word, const std::string& help, const std::string& examples,
                        Run run, CLI::App* parent) {
  auto* command = (parent ? *parent : app).add_subcommand(word, help);
  add_control(*command);
  command->footer("Examples:\n" + examples + kExitCodes);
  command->callback([this, run] { exit_code = run(*this); });
  return *command;
}

void Commands::add_name(CLI::App& command) {
  command.add_option("NAME", name, "The session's name, as list shows it")->required();
}

std::string Commands::control_path() const {
  return given_control_path.empty() ? default_control_path() : given_control_path;
}

void add_session_arguments(CLI::App& command, SessionUse use, const OptionTable& table) {
  for (const auto& option : table) {
    if (option.use == Option::Use::one_session && use == SessionUse::sync) continue;
    if (option.use == Option::Use::order && use == SessionUse::run) continue;
    auto help = option.meaning;
    if (!option.argument.empty() && !option.default_text.empty())
      help += fmt::format("; {} ({})", option.range, option.default_text);
    const bool is_repeatable = option.is_list() || option.is_joined();
    if (is_repeatable) help += " (may be repeated)";
    if (option.is_switch()) {
      command.add_flag(option.flag, std::as_const(help));
      continue;
    }
    auto* argument = command.add_option(option.flag, std::as_const(help))
                         ->type_name(option.argument)
                         ->required(option.is_positional())
                         ->check(option.is_list() ? kWholeNumber : kNotEmpty);
    // Without extra arguments, because a TARGET may follow.
    if (is_repeatable) argument->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  }
}

Outcome<ConnectOrder> session_order(const CLI::App& command, const std::string& target,
                                    const OptionTable& table) {
  ConnectOrder order;
  for (const auto& option : table) {
    auto value = given_value(command, option);
    if (option.is_positional() && !target.empty()) value = target;
    if (!value) continue;
    if (auto ok = option.set(order.session, *value, option.flag); !ok) return ok.error();
    order.given[option.key] = boost::json::value_from(*value);
  }
  if (auto ok = check_request(order.session); !ok) return ok.error();
  return order;
}

Patience patience_for(const ConnectOrder& order) {
  constexpr std::chrono::seconds kPublishTime{120};
  return {order.session.options.connect_timeout + kPublishTime,
          "connecting to " + order.session.target.to_uri()};
}

int run_command_line(int argc, char** argv, Daemon daemon) {
  CLI::App app{"Logical units of SRP targets as block devices that outlive their target"};
  app.name("srp-nbd");
  app.require_subcommand(0, 1);  // the error is printed below
  app.set_version_flag("--version", fmt::format("srp-nbd {}", srpi::version()));
  app.footer(std::string("`srp-nbd COMMAND --help` explains a command, with examples.\n") + kExitCodes);
  Commands commands(app, daemon);
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

  const auto code = commands.exit_code;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return static_cast<int>(code);
  std::perror("srp-nbd: writing to standard output");
  return static_cast<int>(code == ExitCode::ok ? ExitCode::failed : code);
}

}  // namespace srp_nbd
