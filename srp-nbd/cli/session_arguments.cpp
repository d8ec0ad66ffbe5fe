// SPDX-License-Identifier: Apache-2.0
#include "cli/session_arguments.hpp"

#include <fmt/format.h>

#include <vector>

#include "cli/command_line.hpp"

namespace srp_nbd {
namespace {

// The value of an option on the command line.
std::optional<OptionValue> given_value(const CLI::App& command, const Option& option) {
  const auto* given = command.get_option_no_throw(option.flag);
  if (!given || given->empty()) return std::nullopt;
  if (option.is_list()) return given->as<std::vector<std::int64_t>>();
  if (!option.is_switch()) return given->as<std::string>();
  if (!given->as<bool>()) return std::nullopt;
  return option.switches_to();
}

}  // namespace

void add_session_arguments(CLI::App& command, SessionUse use, const OptionTable& table) {
  for (const auto& option : table) {
    if (option.use == Option::Use::one_session && use == SessionUse::sync) continue;
    if (option.use == Option::Use::order && use == SessionUse::run) continue;
    auto help = option.meaning;
    if (!option.argument.empty() && !option.default_text.empty())
      help += fmt::format("; {} ({})", option.range, option.default_text);
    if (option.is_list()) help += " (may be repeated)";
    if (option.is_switch()) {
      command.add_flag(option.flag, std::as_const(help));
      continue;
    }
    auto* argument = command.add_option(option.flag, std::as_const(help))
                         ->type_name(option.argument)
                         ->required(option.is_positional())
                         ->check(option.is_list() ? kWholeNumber : kNotEmpty);
    // Without extra arguments, because a TARGET may follow.
    if (option.is_list())
      argument->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
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
    order.given[option.key] = to_json(*value);
  }
  if (auto ok = check_request(order.session); !ok) return ok.error();
  return order;
}

Patience patience_for(const ConnectOrder& order) {
  constexpr std::chrono::seconds kPublishTime{120};
  return {order.session.options.connect_timeout + kPublishTime,
          "connecting to " + order.session.target.to_uri()};
}

}  // namespace srp_nbd
