// SPDX-License-Identifier: Apache-2.0
#include "daemon/control_request.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/parser.hpp>
#include <boost/json/value.hpp>
#include <optional>

namespace srp_nbd {
namespace {

namespace json = boost::json;
using Command = ControlRequest::Command;

struct CommandName {
  std::string_view text;
  Command command;
};
constexpr std::array kCommands = {
    CommandName{"list", Command::list},           CommandName{"show", Command::show},
    CommandName{"connect", Command::connect},     CommandName{"disconnect", Command::disconnect},
    CommandName{"reconnect", Command::reconnect}, CommandName{"erase", Command::erase},
    CommandName{"abort", Command::abort},         CommandName{"reset", Command::reset},
    CommandName{"target", Command::target},       CommandName{"events", Command::events},
};

constexpr std::string_view kCommandList =
    "list, show, connect, disconnect, reconnect, erase, abort, reset, target or events";

Failure bad(std::string message) { return {"bad_request", std::move(message)}; }

std::string_view view(json::string_view text) { return {text.data(), text.size()}; }

std::optional<std::int64_t> integer(const json::value& value) {
  if (const auto* n = value.if_int64()) return *n;
  return std::nullopt;  // beyond int64, or a fraction
}

std::optional<FieldValue> field_value(const json::value& value) {
  if (const auto* s = value.if_string()) return FieldValue{std::string(s->data(), s->size())};
  if (const auto* b = value.if_bool()) return FieldValue{*b};
  if (const auto n = integer(value)) return FieldValue{*n};
  if (const auto* list = value.if_array()) {
    std::vector<std::int64_t> numbers;
    for (const auto& element : *list) {
      const auto n = integer(element);
      if (!n) return std::nullopt;
      numbers.push_back(*n);
    }
    return FieldValue{std::move(numbers)};
  }
  return std::nullopt;
}

Outcome<> apply_connect_key(ControlRequest& request, std::string_view key, const json::value& value) {
  const auto field = field_value(value);
  if (!field)
    return Failure{"invalid_argument",
                   fmt::format("{}: expected a text, a whole number, true, false or a list of numbers", key)};
  return apply_field(request.session, key, *field);
}

Outcome<> apply_key(ControlRequest& request, std::string_view key, const json::value& value) {
  if (request.command == Command::connect) return apply_connect_key(request, key, value);
  if (key == "name" && request.command != Command::list) {
    const auto* s = value.if_string();
    if (!s || !is_valid_name({s->data(), s->size()}))
      return bad("name: expected a session's name, as list shows it");
    request.name.assign(s->data(), s->size());
    return {};
  }
  if (key == "online" && request.command == Command::target) {
    if (!value.is_bool()) return bad("online: expected true or false");
    request.online = value.get_bool();
    return {};
  }
  if (key == "lun" && (request.command == Command::abort || request.command == Command::reset)) {
    const auto n = integer(value);
    if (!n || *n < 0) return bad("lun: expected a logical unit's number, as show prints it");
    request.lun = static_cast<std::uint64_t>(*n);
    return {};
  }
  return bad(fmt::format("unknown key \"{}\"", key.substr(0, 64)));
}

}  // namespace

Outcome<ControlRequest> parse_control_request(std::string_view line) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 4;  // the deepest request is an object with a list
  json::parser parser({}, options);
  const auto read = parser.write(line.data(), line.size(), error);
  if (error) return bad(fmt::format("not a JSON object: {} at byte {}", error.message(), read));
  const auto value = parser.release();
  const auto* object = value.if_object();
  if (!object) return bad("expected one JSON object in one line");

  const auto* command = object->if_contains("command");
  const auto* text = command ? command->if_string() : nullptr;
  if (!text) return bad(fmt::format("command is missing: expected {}", kCommandList));
  ControlRequest request;
  bool is_known = false;
  for (const auto& known : kCommands)
    if (known.text == view(*text)) {
      request.command = known.command;
      is_known = true;
    }
  if (!is_known)
    return bad(fmt::format("unknown command \"{}\": expected {}", view(*text).substr(0, 64), kCommandList));

  bool has_online = false;
  for (const auto& [key, member] : *object) {
    if (view(key) == "command") continue;
    if (view(key) == "online") has_online = true;
    if (auto ok = apply_key(request, view(key), member); !ok) return ok.error();
  }
  if (request.command == Command::target && !has_online)
    return bad("online is missing: expected true or false");
  if (request.command == Command::connect) {
    if (auto ok = check_request(request.session); !ok) return ok.error();
  } else if (request.command != Command::list && request.command != Command::events && request.name.empty()) {
    return bad("name is missing: expected a session's name, as list shows it");
  }
  return request;
}

}  // namespace srp_nbd
