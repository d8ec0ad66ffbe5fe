// SPDX-License-Identifier: Apache-2.0
#include "control/option.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace srp_nbd {
namespace {

constexpr std::int64_t kMaxDeviceIndex = 65535;
constexpr std::size_t kMaxShownKey = 80;
constexpr auto kTargetForms = "srp://HOST:PORT/?id_ext=…&ioc_guid=…, a login string, or ram://SIZE";

Failure invalid(std::string message) { return {"invalid_argument", std::move(message)}; }

// The text after a prefix: "12" of "/dev/nbd12".
std::optional<std::string> text_behind(std::string_view prefix, const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text || !text->starts_with(prefix)) return std::nullopt;
  return text->substr(prefix.size());
}

// Returns false if the option does not accept the value.
using Setter = bool (*)(SessionRequest&, const OptionValue&);

bool set_name(SessionRequest& request, const OptionValue& value) {
  const auto name = text_behind("", value);
  return name && is_valid_name(*name) && (request.name = *name, true);
}

bool set_device(SessionRequest& request, const OptionValue& value) {
  const auto digits = text_behind("/dev/nbd", value);
  const auto index = digits ? srpi::whole_number(OptionValue(*digits)) : std::nullopt;
  if (!index || *index < 0 || *index > kMaxDeviceIndex) return false;
  request.device_index = static_cast<std::uint32_t>(*index);
  return true;
}

bool set_listen(SessionRequest& request, const OptionValue& value) {
  const auto path = text_behind("unix:", value);
  if (!path || !path->starts_with('/') || path->size() > kMaxSocketPath) return false;
  if (path->find('\0') != std::string::npos) return false;
  request.listen_path = *path;
  return true;
}

bool set_wait(SessionRequest& request, const OptionValue& value) {
  const auto* wait = std::get_if<bool>(&value);
  return wait && (request.wait = *wait, true);
}

Outcome<> set_target(SessionRequest& request, const OptionValue& value) {
  const auto text = text_behind("", value);
  if (!text) return invalid(srpi::unexpected(kTargetForms, value));
  auto parsed = srpi::parse_target(*text);
  if (!parsed) return Failure(parsed.error());
  request.target = std::move(*parsed);
  request.has_target = true;
  return {};
}

Option own(Option::Use use, std::string key, std::string flag, std::string argument, std::string meaning,
           std::string expected, Setter set) {
  Option option{
      std::move(key), std::move(flag), std::move(argument), use, std::move(meaning), expected, {}, {}, {}};
  option.set = [set, expected](SessionRequest& request, const OptionValue& value) -> Outcome<> {
    if (set(request, value)) return {};
    return invalid(srpi::unexpected(expected, value));
  };
  return option;
}

OptionTable own_options() {
  using Use = Option::Use;
  OptionTable table = {
      own(Use::one_session, "target", "TARGET", "",
          "srp://HOST:PORT/?id_ext=HEX&ioc_guid=HEX, the login string id_ext=…,ioc_guid=…,dest=HOST:PORT, or "
          "ram://SIZE for the built-in target",
          kTargetForms, nullptr),
      own(Use::one_session, "name", "--name", "NAME", "Name of the session; s0, s1, … by default",
          "1 to 64 letters, digits or any of - _ . :", set_name),
      own(Use::one_session, "device", "--device", "/dev/nbdN",
          "Kernel device to use, for a single logical unit; the first free one by default", "/dev/nbdN",
          set_device),
      own(Use::any_session, "listen", "--listen", "unix:PATH",
          "Serve NBD on this Unix socket, with an export lunN a unit, instead of kernel devices; {name} in "
          "it is "
          "the session's name",
          fmt::format("unix:/PATH, absolute, of at most {} characters", kMaxSocketPath), set_listen),
      own(Use::order, "wait", "--no-wait", "", "Answer at once, and keep trying until the target answers",
          "true or false", set_wait),
  };
  table.front().set = set_target;  // its failures have more details
  table.back().default_text = "true";
  return table;
}

std::string text_of(const OptionValue& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? "true" : "false";
  if (const auto* n = std::get_if<std::int64_t>(&value)) return std::to_string(*n);
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : "";
}

Option made_from(const srpi::SessionOption& option) {
  Option result;
  result.key = option.key();
  result.argument = option.argument();
  result.meaning = option.meaning;
  result.range = option.is_setting() ? option.range() : option.expected();
  result.default_text = text_of(option.get({}));
  result.set = [option](SessionRequest& request, const OptionValue& value) -> Outcome<> {
    auto done = option.set(request.options, value);
    if (!done) return invalid(done.error().detail);
    return {};
  };
  if (option.is_setting()) result.get = [option](const auto& options) { return option.get(options); };
  // --lun 1 --lun 2 make the list of luns.
  auto word = std::string(result.is_list() ? option.name.substr(0, option.name.size() - 1) : option.name);
  std::ranges::replace(word, '_', '-');
  result.flag = (result.argument.empty() && !result.switches_to() ? "--no-" : "--") + word;
  return result;
}

}  // namespace

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
  const auto* option = find_option(table, key);
  if (!option) {
    std::vector<std::string_view> known;
    for (const auto& each : table) known.push_back(each.key);
    return invalid(fmt::format("unknown key \"{}\": expected one of {}", key.substr(0, kMaxShownKey),
                               fmt::join(known, ", ")));
  }
  auto done = option->set(request, value);
  if (!done) return Failure{done.error().code, fmt::format("{}: {}", key, done.error().message)};
  return {};
}

Settings settings_of(const srpi::SessionOptions& values, const OptionTable& table) {
  Settings result;
  for (const auto& option : table)
    if (option.get) result.push_back({option.key, option.get(values)});
  return result;
}

std::string options_manual(const OptionTable& table) {
  const auto cell = [](std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
    return text;
  };
  std::string text = "| Option | Key | Meaning | Values | Default |\n|---|---|---|---|---|\n";
  for (const auto& option : table)
    text +=
        fmt::format("| `{}`{} | `{}` | {} | {} | {} |\n", cell(option.usage()),
                    option.is_list() ? " (repeatable)" : "", option.key, cell(option.meaning),
                    cell(option.range), option.default_text.empty() ? "" : "`" + option.default_text + "`");
  return text;
}

}  // namespace srp_nbd
