// SPDX-License-Identifier: Apache-2.0
#include "control/orders.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parser.hpp>
#include <boost/mp11/algorithm.hpp>
#include <cstdlib>

#include "srpi/printable.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;
using boost::mp11::mp_for_each;

Failure bad(std::string message) { return {"bad_request", std::move(message)}; }

std::string known_commands() {
  std::string text;
  mp_for_each<Order>(
      [&](const auto& order) { text += fmt::format("{}{}", text.empty() ? "" : ", ", order.kCommand); });
  return text;
}

Outcome<Order> read_connect(json::object members, const OptionTable& table) {
  ConnectOrder order;
  for (const auto& [key, member] : members) {
    const auto value = option_value(member, find_option(table, key));
    if (!value)
      return Failure{"invalid_argument",
                     fmt::format("{}: expected {}", std::string_view(key), kOptionValueForms)};
    if (auto ok = set_option(order.session, key, *value, table); !ok) return ok.error();
  }
  if (auto ok = check_request(order.session); !ok) return ok.error();
  order.given = std::move(members);
  return order;
}

template<class AnyOrder>
Outcome<Order> read_order(const json::object& members) {
  AnyOrder order;
  JsonReader reader(Reading::order);
  if (!reader.read_members<typename AnyOrder::Members>(members, order)) return bad(reader.problem);
  return order;
}

}  // namespace

std::string default_control_path() {
  if (const char* path = std::getenv("SRP_NBD_CONTROL"); path && *path) return path;
  if (::geteuid() == 0) return "/run/srp-nbd/control.sock";
  if (const char* dir = std::getenv("XDG_RUNTIME_DIR"); dir && *dir == '/')
    return fmt::format("{}/srp-nbd/control.sock", dir);
  return fmt::format("/tmp/srp-nbd-{}/control.sock", ::geteuid());
}

Outcome<Order> parse_order(std::string_view line, const OptionTable& table) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 4;  // the deepest order is an object with a list
  json::parser parser({}, options);
  const auto read = parser.write(line.data(), line.size(), error);
  if (error) return bad(fmt::format("not a JSON object: {} at byte {}", error.message(), read));
  auto value = parser.release();
  auto* members = value.if_object();
  if (!members) return bad("expected one JSON object in one line");

  const auto* command = members->if_contains("command");
  if (!command || !command->is_string())
    return bad(fmt::format("command is missing: expected one of {}", known_commands()));
  const std::string name(command->get_string());
  members->stable_erase("command");

  Outcome<Order> result = bad(fmt::format("unknown command \"{}\": expected one of {}",
                                          srpi::printable(name.substr(0, 64)), known_commands()));
  mp_for_each<Order>([&](const auto& each) {
    using Each = std::remove_cvref_t<decltype(each)>;
    if (each.kCommand != name) return;
    if constexpr (std::is_same_v<Each, ConnectOrder>)
      result = read_connect(std::move(*members), table);
    else
      result = read_order<Each>(*members);
  });
  return result;
}

json::object order_json(const Order& order) {
  return std::visit(
      [](const auto& each) {
        using Each = std::remove_cvref_t<decltype(each)>;
        json::value members;
        if constexpr (std::is_same_v<Each, ConnectOrder>)
          members = each.given;
        else
          members = to_json<typename Each::Members>(each);
        json::object object{{"command", Each::kCommand}};
        object.insert(members.as_object().begin(), members.as_object().end());
        return object;
      },
      order);
}

std::string reloaded_text(const ReloadedSession& session) {
  const auto& name = session.name;
  if (session.error)
    return fmt::format("{}: {}", name.empty() ? "(without a name)" : name, session.error->message);
  if (session.what == to_string(Reloaded::changed)) {
    std::vector<std::string_view> left;
    for (const auto& key : session.keys)
      if (std::ranges::find(session.applied, key) == session.applied.end()) left.push_back(key);
    std::vector<std::string> parts;
    if (!session.applied.empty())
      parts.push_back(fmt::format("{} changed and in effect", fmt::join(session.applied, ", ")));
    if (!left.empty())
      parts.push_back(fmt::format("{} changed; that takes effect after `srp-nbd erase {}` and another reload",
                                  fmt::join(left, ", "), name));
    return fmt::format("{}: {}", name, fmt::join(parts, "; "));
  }
  if (session.what == to_string(Reloaded::left_alone))
    return fmt::format("{0}: not in the configuration any more, left alone; `srp-nbd erase {0}` removes it",
                       name);
  return fmt::format("{}: {}", name, session.what);
}

json::object answer_json(const Failure& failure) { return {{"ok", false}, {"error", to_json(failure)}}; }

json::object answer_json(const Outcome<>& outcome) {
  return outcome ? answer_json(Nothing{}) : answer_json(outcome.error());
}

}  // namespace srp_nbd
