// SPDX-License-Identifier: Apache-2.0
#include "control/option.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/algorithm/string/replace.hpp>
#include <boost/algorithm/string/split.hpp>
#include <boost/json/value_from.hpp>
#include <charconv>
#include <set>

#include "srpi/printable.hpp"
#include "support/unix_server.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxDeviceIndex = 65535;
constexpr std::size_t kMaxShownKey = 80;
constexpr auto kTargetForms = "srp://HOST:PORT/?id_ext=…&ioc_guid=…, a login string, or ram://SIZE";

Failure invalid(std::string message) { return {"invalid_argument", std::move(message)}; }

// The text after a prefix: "12" of "/dev/nbd12".
std::optional<std::string> text_behind(std::string_view prefix, const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text || !text->starts_with(prefix)) return std::nullopt;
  return text->substr(prefix.size());
}

Outcome<bool> set_target(SessionRequest& request, const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return false;
  auto parsed = srpi::parse_target(*text);
  if (!parsed) return Failure(parsed.error());
  request.target = std::move(*parsed);
  return request.has_target = true;
}

Outcome<bool> set_name(SessionRequest& request, const OptionValue& value) {
  const auto* name = std::get_if<std::string>(&value);
  return name && is_valid_name(*name) && (request.name = *name, true);
}

// 12 of "/dev/nbd12".
std::optional<std::uint32_t> device_index(std::string_view path) {
  constexpr std::string_view kPrefix = "/dev/nbd";
  if (!path.starts_with(kPrefix)) return std::nullopt;
  const auto index = parse_number(path.substr(kPrefix.size()));
  if (!index || *index > kMaxDeviceIndex) return std::nullopt;
  return static_cast<std::uint32_t>(*index);
}

// "/dev/nbd0", or "1=/dev/nbd0,4=/dev/nbd1".
Outcome<bool> set_device(SessionRequest& request, const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return false;
  DeviceIndices devices;
  std::set<std::uint32_t> indices;
  std::vector<std::string> parts;
  boost::split(parts, *text, [](char c) { return c == ','; });
  for (const auto& part : parts) {
    const auto sign = part.find('=');
    std::optional<std::uint64_t> lun;
    if (sign != std::string::npos) {
      lun = parse_number(std::string_view(part).substr(0, sign));
      if (!lun) return false;
    } else if (parts.size() > 1) {
      return false;
    }
    const auto index = device_index(std::string_view(part).substr(sign + 1));
    if (!index || !devices.emplace(lun, *index).second || !indices.insert(*index).second) return false;
  }
  request.devices = std::move(devices);
  return true;
}

Outcome<bool> set_listen(SessionRequest& request, const OptionValue& value) {
  auto path = text_behind("unix:", value);
  if (!path || !path->starts_with('/') || path->size() > kMaxSocketPath) return false;
  if (path->find('\0') != std::string::npos) return false;
  request.listen_path = std::move(*path);
  return true;
}

Outcome<bool> set_wait(SessionRequest& request, const OptionValue& value) {
  const auto* wait = std::get_if<bool>(&value);
  return wait && (request.wait = *wait, true);
}

// key, flag, argument, use, meaning, range, default, setter
OptionTable own_options() {
  using Use = Option::Use;
  return {
      {"target", "TARGET", "", Use::one_session,
       "srp://HOST:PORT/?id_ext=HEX&ioc_guid=HEX, the login string id_ext=…,ioc_guid=…,dest=HOST:PORT, or "
       "ram://SIZE for the built-in target",
       kTargetForms, "", set_target},
      {"name", "--name", "NAME", Use::one_session, "Name of the session; s0, s1, … by default",
       "1 to 64 letters, digits or any of - _ . :", "", set_name},
      {"device", "--device", "[LUN=]/dev/nbdN", Use::one_session,
       "Kernel device of the session's single logical unit, or of the unit with this LUN; the other units "
       "get "
       "the first free ones",
       "/dev/nbdN, or LUN=/dev/nbdN for each unit, each LUN and device once", "", set_device},
      {"listen", "--listen", "unix:PATH", Use::any_session,
       "Serve NBD on this Unix socket, with one export lunN per unit, instead of kernel devices; {name} in "
       "it is the session's name",
       fmt::format("unix:/PATH, absolute, of at most {} characters", kMaxSocketPath), "", set_listen},
      {"wait", "--no-wait", "", Use::order, "Answer at once, and keep trying until the target answers",
       "true or false", "true", set_wait},
  };
}

Option made_from(const srpi::SessionOption& option) {
  const auto by_default = option.get({});
  Option result;
  result.key = option.key();
  result.argument = option.argument();
  result.meaning = option.meaning;
  result.range = option.is_setting() ? option.range() : option.expected();
  if (const auto* text = std::get_if<std::string>(&by_default)) result.default_text = *text;
  if (const auto* is_on = std::get_if<bool>(&by_default)) result.default_text = *is_on ? "true" : "false";
  if (const auto* n = std::get_if<std::int64_t>(&by_default)) result.default_text = std::to_string(*n);
  result.of_library = option;
  // --lun 1 --lun 2 make the list of luns.
  auto word = std::string(result.is_list() ? option.name.substr(0, option.name.size() - 1) : option.name);
  std::ranges::replace(word, '_', '-');
  result.flag = (result.argument.empty() && !result.switches_to() ? "--no-" : "--") + word;
  return result;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Outcome<> check_request(SessionRequest& request) {
  if (!request.has_target) return invalid(fmt::format("target is missing: expected {}", kTargetForms));
  if (!request.devices.empty() && !request.listen_path.empty())
    return invalid("device and listen exclude each other: give a kernel device or a socket, not both");
  request.options = request.target.overrides.applied_to(request.options);
  if (auto ok = request.options.validate(); !ok) return Failure{ok.error()};
  return {};
}

Outcome<> fill_in_name(SessionRequest& request) {
  auto path = boost::replace_all_copy(request.listen_path, "{name}", request.name);
  if (path.size() > kMaxSocketPath)
    return invalid(fmt::format("listen: {} has more than {} characters", path, kMaxSocketPath));
  request.listen_path = std::move(path);
  return {};
}

bool is_valid_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64 || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

Outcome<> Option::set(SessionRequest& request, const OptionValue& value, std::string_view called) const {
  const auto failed = [&](std::string code, std::string_view problem) -> Outcome<> {
    return Failure(std::move(code), fmt::format("{}: {}", called, problem));
  };
  if (of_library) {
    const auto done = of_library->set(request.options, value);
    return done ? Outcome<>() : failed("invalid_argument", done.error().detail);
  }
  const auto accepted = set_own(request, value);
  if (!accepted) return failed(accepted.error().code, accepted.error().message);
  return *accepted ? Outcome<>() : failed("invalid_argument", srpi::unexpected(range, value));
}

OptionTable make_option_table(std::span<const srpi::SessionOption> of_library) {
  auto table = own_options();
  for (const auto& option : of_library)
    if (option.audience == srpi::SessionOption::Audience::programs) table.push_back(made_from(option));
  return table;
}

const OptionTable& options() {
  static const OptionTable table = make_option_table(srpi::session_option_table());
  return table;
}

const Option* find_option(const OptionTable& table, std::string_view key) {
  const auto found = std::ranges::find(table, key, &Option::key);
  return found == table.end() ? nullptr : &*found;
}

Outcome<> set_option(SessionRequest& request, std::string_view key, const OptionValue& value,
                     const OptionTable& table) {
  if (const auto* option = find_option(table, key)) return option->set(request, value, key);
  std::vector<std::string_view> known;
  for (const auto& each : table) known.push_back(each.key);
  return invalid(fmt::format("unknown key \"{}\": expected one of {}",
                             srpi::printable(key.substr(0, kMaxShownKey)), fmt::join(known, ", ")));
}

std::vector<std::string> differing_keys(const SessionRequest& a, const SessionRequest& b,
                                        const OptionTable& table) {
  std::vector<std::string> keys;
  if (a.target.to_uri() != b.target.to_uri()) keys.emplace_back("target");
  if (a.devices != b.devices) keys.emplace_back("device");
  if (a.listen_path != b.listen_path) keys.emplace_back("listen");
  for (const auto& option : table)
    if (option.of_library && option.of_library->get(a.options) != option.of_library->get(b.options))
      keys.push_back(option.key);
  return keys;
}

std::optional<OptionValue> option_value(const json::value& value, const Option* option) {
  if (const auto* text = value.if_string()) return OptionValue(std::string(text->data(), text->size()));
  if (const auto* boolean = value.if_bool()) return OptionValue(*boolean);
  if (const auto* number = value.if_int64()) return OptionValue(*number);
  if (const auto* table = value.if_object(); table && option && option->is_joined()) {
    std::vector<std::string> parts;
    for (const auto& [key, element] : *table) {
      if (!element.is_string()) return std::nullopt;
      parts.push_back(fmt::format("{}={}", std::string_view(key), std::string_view(element.get_string())));
    }
    return OptionValue(fmt::format("{}", fmt::join(parts, ",")));
  }
  const auto* list = value.if_array();
  if (!list) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const auto& element : *list) {
    boost::system::error_code error;
    const auto number = element.to_number<std::uint64_t>(error);
    if (error || element.is_double()) return std::nullopt;
    numbers.push_back(number);
  }
  return OptionValue(std::move(numbers));
}

json::object settings_of(const srpi::SessionOptions& values, const OptionTable& table) {
  json::object result;
  for (const auto& option : table)
    if (option.of_library && option.of_library->is_setting())
      result[option.key] = json::value_from(option.of_library->get(values));
  return result;
}

std::string options_manual(const OptionTable& table) {
  std::string text = "| Option | Key | Meaning | Values | Default |\n|---|---|---|---|---|\n";
  for (const auto& option : table) {
    const auto usage = option.flag + (option.argument.empty() ? "" : " ") + option.argument;
    const auto row = {
        fmt::format("`{}`{}", usage, option.is_list() || option.is_joined() ? " (repeatable)" : ""),
        fmt::format("`{}`", option.key), option.meaning, option.range,
        option.default_text.empty() ? "" : "`" + option.default_text + "`"};
    for (const auto& cell : row) text += "| " + boost::replace_all_copy(cell, "|", "\\|") + " ";
    text += "|\n";
  }
  return text;
}

}  // namespace srp_nbd
