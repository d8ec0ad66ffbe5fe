// SPDX-License-Identifier: Apache-2.0
#include "control/orders.hpp"

#include <fmt/format.h>

#include <boost/json/parser.hpp>
#include <boost/mp11/algorithm.hpp>

namespace srp_nbd {
namespace {

namespace json = boost::json;
using boost::mp11::mp_for_each;
using boost::mp11::mp_identity;
using boost::mp11::mp_transform;

Failure bad(std::string message) { return {"bad_request", std::move(message)}; }

// Calls `visit` with an empty order of each kind.
template<class Visit>
void for_each_order(Visit visit) {
  mp_for_each<mp_transform<mp_identity, Order>>([&](auto type) { visit(typename decltype(type)::type{}); });
}

std::string known_commands() {
  std::string text;
  for_each_order(
      [&](const auto& order) { text += fmt::format("{}{}", text.empty() ? "" : ", ", order.kCommand); });
  return text;
}

Outcome<Order> read_connect(const json::object& members, const OptionTable& table) {
  ConnectOrder order;
  for (const auto& [key, member] : members) {
    const auto value = option_value(member);
    if (!value)
      return Failure{"invalid_argument",
                     fmt::format("{}: expected {}", std::string_view(key), kOptionValueForms)};
    if (auto ok = set_option(order.session, key, *value, table); !ok) return ok.error();
    order.given.push_back({std::string(key), *value});
  }
  if (auto ok = check_request(order.session); !ok) return ok.error();
  return order;
}

template<class AnyOrder>
Outcome<Order> read_order(const json::object& members, AnyOrder order) {
  JsonReader reader(Reading::order);
  typename AnyOrder::Members& to = order;
  if (!reader.read_members(members, to)) return bad(std::move(reader.problem));
  return order;
}

}  // namespace

bool SessionName::read_json(const json::value& from) {
  const auto* text = from.if_string();
  if (!text || !is_valid_name({text->data(), text->size()})) return false;
  assign(text->data(), text->size());
  return true;
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

  Outcome<Order> result =
      bad(fmt::format("unknown command \"{}\": expected one of {}", name.substr(0, 64), known_commands()));
  for_each_order([&](auto order) {
    if (order.kCommand != name) return;
    if constexpr (std::is_same_v<decltype(order), ConnectOrder>)
      result = read_connect(*members, table);
    else
      result = read_order(*members, std::move(order));
  });
  return result;
}

json::object order_json(const Order& order) {
  return std::visit(
      [](const auto& each) {
        using Each = std::decay_t<decltype(each)>;
        json::value members;
        if constexpr (std::is_same_v<Each, ConnectOrder>)
          members = each.given.to_json();
        else
          members = to_json(static_cast<const typename Each::Members&>(each));
        json::object object{{"command", Each::kCommand}};
        for (auto& [key, value] : members.as_object()) object[key] = std::move(value);
        return object;
      },
      order);
}

json::object answer_json(const Failure& failure) { return {{"ok", false}, {"error", to_json(failure)}}; }

json::object answer_json(const Outcome<>& outcome) {
  return outcome ? answer_json(Nothing{}) : answer_json(outcome.error());
}

}  // namespace srp_nbd
