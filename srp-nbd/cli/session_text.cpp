// SPDX-License-Identifier: Apache-2.0
#include "cli/session_text.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>
#include <string_view>

namespace srp_nbd {
namespace {

namespace json = boost::json;

// Missing or of another type: empty or 0. The daemon may be of another version than this program.
std::string text(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains({key.data(), key.size()});
  if (!value || !value->is_string()) return {};
  return std::string(value->get_string());
}

std::uint64_t number(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains({key.data(), key.size()});
  if (!value) return 0;
  if (value->is_uint64()) return value->get_uint64();
  if (value->is_int64() && value->get_int64() > 0) return static_cast<std::uint64_t>(value->get_int64());
  return 0;
}

const json::object& object(const json::object& parent, std::string_view key) {
  static const json::object empty;
  const auto* value = parent.if_contains({key.data(), key.size()});
  return value && value->is_object() ? value->get_object() : empty;
}

const json::array& units(const json::object& session) {
  static const json::array empty;
  const auto* value = session.if_contains("luns");
  return value && value->is_array() ? value->get_array() : empty;
}

std::string place(const json::object& unit) {
  if (auto device = text(unit, "device"); !device.empty()) return device;
  if (auto uri = text(unit, "export"); !uri.empty()) return uri;
  return "(not published)";
}

// "live", "disconnected by administrator", "disconnected by fault, next attempt in 1.2 s"
std::string state_text(const json::object& session) {
  auto result = text(session, "state");
  if (const auto by = text(session, "by"); !by.empty()) result += " by " + by;
  const auto& timers = object(session, "timers");
  const auto append = [&](std::string_view key, std::string_view words) {
    if (const auto* value = timers.if_contains({key.data(), key.size()}); value && value->is_number())
      result += fmt::format(", {} in {:.1f} s", words, value->to_number<double>() / 1000.0);
  };
  append("next_attempt_ms", "next attempt");
  append("fast_io_fail_ms", "I/O fails");
  append("dev_loss_ms", "erased");
  return result;
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string setting(const json::object& options, std::string_view key) {
  const auto* value = options.if_contains({key.data(), key.size()});
  if (value && value->is_string()) return std::string(value->get_string());
  return fmt::format("{} ms", number(options, key));
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string units_text(const json::object& session) {
  std::string result;
  for (const auto& element : units(session)) {
    const auto* unit = element.if_object();
    if (!unit) continue;
    const auto uri = text(*unit, "export");
    if (!uri.empty()) {
      result += uri + "\n";
      continue;
    }
    result += fmt::format("{}  lun {}  {}  {}\n", place(*unit), number(*unit, "lun"),
                          size_text(number(*unit, "size_bytes")), or_dash(text(*unit, "wwid")));
  }
  return result;
}

std::string list_text(const json::array& sessions) {
  if (sessions.empty()) return "no sessions\n";
  std::string result;
  for (const auto& element : sessions) {
    const auto* session = element.if_object();
    if (!session) continue;
    result += fmt::format("{}  {}  {}\n", text(*session, "name"), state_text(*session), text(*session, "target"));
    for (const auto& unit_element : units(*session))
      if (const auto* unit = unit_element.if_object())
        result += fmt::format("    {}  lun {}  {}  {}\n", place(*unit), number(*unit, "lun"),
                              size_text(number(*unit, "size_bytes")), or_dash(text(*unit, "wwid")));
    const auto& error = object(*session, "last_error");
    if (!error.empty() && text(*session, "state") != "live")
      result += fmt::format("    last error: {}\n", text(error, "message"));
  }
  return result;
}

std::string show_text(const json::object& session) {
  const auto line = [](std::string_view label, const std::string& value) { return fmt::format("{:<20}{}\n", label, value); };
  const auto hca = text(session, "hca");
  const auto port = number(session, "port");
  const auto& options = object(session, "options");
  const auto& counters = object(session, "counters");
  const auto& negotiated = object(session, "negotiated");
  auto result = line("session", text(session, "name"));
  result += line("state", state_text(session));
  result += line("target", text(session, "target"));
  result += line("HCA, port", hca.empty() ? "-" : fmt::format("{}, {}", hca, port));
  result += line("source", fmt::format("{}  GID {}", or_dash(text(session, "source")), or_dash(text(session, "source_gid"))));
  result += line("destination", fmt::format("{}  GID {}", or_dash(text(session, "destination")),
                                            or_dash(text(session, "destination_gid"))));
  result += line("initiator port id", text(session, "initiator_port_id"));
  result += line("target port id", text(session, "target_port_id"));
  for (const auto& element : units(session))
    if (const auto* unit = element.if_object())
      result += line(fmt::format("lun {}", number(*unit, "lun")),
                     fmt::format("{}  {} ({} blocks of {} B)  {} {} {}  wwid {}  serial {}", place(*unit),
                                 size_text(number(*unit, "size_bytes")), number(*unit, "blocks"),
                                 number(*unit, "block_size"), text(*unit, "vendor"), text(*unit, "product"),
                                 text(*unit, "revision"), or_dash(text(*unit, "wwid")), or_dash(text(*unit, "serial"))));
  result += line("timers", fmt::format("connect {}, command {}, keepalive {}, reconnect delay {}, fast I/O fail {}, "
                                       "device loss {}",
                                       setting(options, "connect_timeout_ms"), setting(options, "command_timeout_ms"),
                                       setting(options, "keepalive_ms"), setting(options, "reconnect_delay_ms"),
                                       setting(options, "fast_io_fail_ms"), setting(options, "dev_loss_ms")));
  result += line("negotiated", fmt::format("request limit {}, IU {} B", number(negotiated, "request_limit"),
                                           number(negotiated, "max_it_iu_bytes")));
  result += line("counters", fmt::format("{} logins, {} losses, {} commands ({} failed, {} outstanding), read {}, written {}",
                                         number(counters, "connects"), number(counters, "losses"),
                                         number(counters, "commands"), number(counters, "command_errors"),
                                         number(counters, "outstanding"), size_text(number(counters, "read_bytes")),
                                         size_text(number(counters, "written_bytes"))));
  const auto& error = object(session, "last_error");
  result += line("last error", error.empty() ? "-" : text(error, "message"));
  return result;
}

}  // namespace srp_nbd
