// SPDX-License-Identifier: Apache-2.0
#include "daemon/config.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>

#include "srpi/printable.hpp"

namespace srp_nbd {
namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;
constexpr auto kSessionForm = "session: expected [[session]] tables, with double brackets";

class Reader {
 public:
  Reader(const std::string& file_name, const OptionTable& table) : file_name_(file_name), table_(table) {}

  Outcome<Config> read(std::string_view text);

 private:
  Failure at(const toml::source_region& where, std::string_view message) const {
    return {"bad_config", fmt::format("{}:{}:{}: {}", file_name_, where.begin.line, where.begin.column,
                                      srpi::printable(message))};
  }
  Outcome<> read_session(const toml::table&);
  Outcome<> check_unique(const SessionRequest&, const toml::source_region&);

  const std::string& file_name_;
  const OptionTable& table_;
  Config config_;
  std::map<std::string, toml::source_index> lines_;  // of what only one session may use
};

// TOML's integers end at 2^63 - 1, so a larger number is a text.
std::optional<std::uint64_t> whole_number(const toml::node& node) {
  if (const auto* n = node.as_integer(); n && n->get() >= 0) return static_cast<std::uint64_t>(n->get());
  const auto* text = node.as_string();
  return text ? parse_number(text->get()) : std::nullopt;
}

std::optional<OptionValue> option_value(const toml::node& node, const Option* option) {
  if (const auto* s = node.as_string()) return OptionValue{s->get()};
  if (const auto* n = node.as_integer()) return OptionValue{n->get()};
  if (const auto* b = node.as_boolean()) return OptionValue{b->get()};
  if (const auto* table = node.as_table(); table && option && option->is_joined()) {
    std::vector<std::string> parts;
    for (const auto& [key, element] : *table) {
      const auto* text = element.as_string();
      if (!text) return std::nullopt;
      parts.push_back(fmt::format("{}={}", key.str(), text->get()));
    }
    return OptionValue{fmt::format("{}", fmt::join(parts, ","))};
  }
  if (const auto* list = node.as_array()) {
    std::vector<std::uint64_t> numbers;
    for (const auto& element : *list) {
      const auto number = whole_number(element);
      if (!number) return std::nullopt;
      numbers.push_back(*number);
    }
    return OptionValue{std::move(numbers)};
  }
  return std::nullopt;
}

Outcome<> Reader::check_unique(const SessionRequest& request, const toml::source_region& where) {
  std::vector<std::string> uses;
  if (!request.name.empty()) uses.push_back(fmt::format("the name \"{}\"", request.name));
  // Paths with {name} cannot collide, because all names are different.
  const auto& path = request.listen_path;
  if (!path.empty() && path.find("{name}") == std::string::npos) uses.push_back(path);
  for (const auto& [lun, index] : request.devices) uses.push_back(fmt::format("/dev/nbd{}", index));
  for (const auto& use : uses)
    if (const auto [it, is_new] = lines_.emplace(use, where.begin.line); !is_new)
      return at(where, fmt::format("{} is already taken by the session in line {}", use, it->second));
  return {};
}

Outcome<> Reader::read_session(const toml::table& table) {
  if (config_.sessions.size() == kMaxSessions)
    return at(table.source(), fmt::format("more than {} sessions", kMaxSessions));
  SessionRequest request;
  request.wait = false;  // a target that does not answer when the daemon starts is tried again
  for (const auto& [key, node] : table) {
    const auto* option = find_option(table_, key.str());
    if (option && option->use == Option::Use::order)
      return at(key.source(),
                fmt::format("{} belongs to the command line; a configured session keeps trying", key.str()));
    const auto value = option_value(node, option);
    if (!value) return at(node.source(), fmt::format("{}: expected {}", key.str(), kOptionValueForms));
    if (auto ok = set_option(request, key.str(), *value, table_); !ok)
      return at(key.source(), ok.error().message);
  }
  if (auto ok = check_request(request); !ok) return at(table.source(), ok.error().message);
  if (auto ok = check_unique(request, table.source()); !ok) return ok;
  config_.sessions.push_back(std::move(request));
  return {};
}

Outcome<Config> Reader::read(std::string_view text) {
  if (text.size() > kMaxConfigBytes)
    return Failure{"bad_config", fmt::format("{}:1:1: more than {} bytes", file_name_, kMaxConfigBytes)};
  toml::table table;
  try {
    table = toml::parse(text, file_name_);
  } catch (const toml::parse_error& error) {
    return at(error.source(), error.description());
  }

  for (const auto& [key, node] : table) {
    if (key.str() == "session") {
      const auto* list = node.as_array();
      if (!list) return at(key.source(), kSessionForm);
      for (const auto& element : *list) {
        const auto* session = element.as_table();
        if (!session) return at(element.source(), kSessionForm);
        if (auto ok = read_session(*session); !ok) return ok.error();
      }
    } else if (key.str() == "control") {
      const auto* s = node.as_string();
      if (!s || !s->get().starts_with('/'))
        return at(node.source(), "control: expected the absolute path of a socket");
      config_.control_path = s->get();
    } else if (key.str() == "log_level") {
      const auto* s = node.as_string();
      if (!s || (*s != "debug" && *s != "info" && *s != "warning" && *s != "error"))
        return at(node.source(), "log_level: expected \"debug\", \"info\", \"warning\" or \"error\"");
      config_.log_level = s->get();
    } else {
      return at(key.source(),
                fmt::format("unknown key \"{}\": expected control, log_level or [[session]]", key.str()));
    }
  }
  return std::move(config_);
}

}  // namespace

Outcome<Config> parse_config(std::string_view text, const std::string& file_name, const OptionTable& table) {
  return Reader(file_name, table).read(text);
}

Outcome<Config> load_config(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxConfigBytes + 1, '\0');  // one byte more than permitted, to detect a longer text
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad())
    return Failure{"bad_config", fmt::format("{}: cannot be read: {}", path, std::strerror(errno))};
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse_config(text, path);
}

}  // namespace srp_nbd
