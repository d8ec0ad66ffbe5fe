// SPDX-License-Identifier: Apache-2.0
#include "cli/session_arguments.hpp"

#include <fmt/format.h>

#include "cli/commands.hpp"

namespace srp_nbd {

void SessionArguments::add_to(CLI::App& app) {
  for (const auto& option : table_) {
    if (option.use == Option::Use::one_session && wanted_ == Wanted::many_sessions) continue;
    if (option.use == Option::Use::order && wanted_ == Wanted::without_daemon) continue;
    auto& given = given_[option.key];
    auto help = option.meaning;
    if (!option.argument.empty() && !option.default_text.empty())
      help += fmt::format("; {} ({})", option.range, option.default_text);
    if (option.is_list())
      app.add_option(option.flag, given.list, help + " (may be repeated)")
          ->type_name(option.argument)
          ->allow_extra_args(false)  // because a TARGET may follow
          ->check(kWholeNumber);
    else if (!option.is_positional() && option.argument.empty())
      app.add_flag(option.flag, given.is_set, help);
    else
      app.add_option(option.flag, given.text, help)
          ->check(kNotEmpty)
          ->type_name(option.argument)
          ->required(option.is_positional());
  }
}

Outcome<ConnectOrder> SessionArguments::order(const std::string& target) const {
  ConnectOrder order;
  for (const auto& option : table_) {
    const auto found = given_.find(option.key);
    std::optional<OptionValue> value;
    if (found != given_.end() && found->second.is_set) value = option.switches_to();
    if (found != given_.end() && !found->second.list.empty()) value = found->second.list;
    if (found != given_.end() && !found->second.text.empty()) value = found->second.text;
    if (!target.empty() && option.is_positional()) value = target;
    if (!value) continue;
    if (auto ok = option.set(order.session, *value); !ok)
      return Failure{ok.error().code, fmt::format("{}: {}", option.flag, ok.error().message)};
    order.given.push_back({option.key, std::move(*value)});
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
