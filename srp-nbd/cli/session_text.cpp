// SPDX-License-Identifier: Apache-2.0
#include "cli/session_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>
#include <string_view>

#include "cli/json_fields.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;

const json::array& units(const json::object& session) { return array_at(session, "luns"); }

std::string place(const json::object& unit) {
  if (auto device = text_at(unit, "device"); !device.empty()) return device;
  if (auto uri = text_at(unit, "export"); !uri.empty()) return uri;
  return "(not published)";
}

// "next attempt in 3.2 s, erased in 9 min 58 s"; empty: no timer runs. All were counted at one moment.
std::string timers_text(const json::object& session) {
  std::string result;
  const auto append = [&](std::string_view key, std::string_view words) {
    const auto left = real_at(object_at(session, "timers"), key);
    if (!left) return;
    if (!result.empty()) result += ", ";
    result +=
        *left < 0.5 ? fmt::format("{} now", words) : fmt::format("{} in {}", words, duration_text(*left));
  };
  append("next_attempt_ms", "next attempt");
  append("fast_io_fail_ms", "held I/O fails");
  append("dev_loss_ms", "erased");
  return result;
}

// Why the unit's I/O fails while that of others goes on; empty: it is not so.
std::string away_text(const json::object& unit) { return text_at(object_at(unit, "away"), "message"); }

// "live", "live, 1 of 3 units away", "disconnected by administrator", "disconnected by fault, next attempt in 1.2 s"
std::string state_text(const json::object& session) {
  auto result = text_at(session, "state");
  if (const auto by = text_at(session, "by"); !by.empty()) result += " by " + by;
  const auto& channels = object_at(session, "channels");
  if (const auto live = number_at(channels, "live"); live > 0 && live < number_at(channels, "wanted"))
    result += fmt::format(" over {} of {} channels", live, number_at(channels, "wanted"));
  const auto is_away = [](const json::value& unit) {
    return unit.is_object() && !away_text(unit.get_object()).empty();
  };
  const auto& all = units(session);
  if (const auto away = std::ranges::count_if(all, is_away); away > 0 && text_at(session, "state") == "live")
    result += fmt::format(", {} of {} units away", away, all.size());
  if (const auto timers = timers_text(session); !timers.empty()) result += ", " + timers;
  if (is_true_at(session, "stale")) result += " (last known: its thread does not answer)";
  return result;
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string setting(const json::object& options, std::string_view key) {
  const auto* value = options.if_contains({key.data(), key.size()});
  if (value && value->is_string()) return std::string(value->get_string());
  return fmt::format("{} ms", number_at(options, key));
}

}  // namespace

std::string duration_text(double milliseconds) {
  if (milliseconds < 9950) return fmt::format("{:.1f} s", milliseconds / 1000);
  const auto seconds = static_cast<std::uint64_t>(milliseconds / 1000 + 0.5);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

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
    const auto uri = text_at(*unit, "export");
    if (!uri.empty()) {
      result += uri + "\n";
      continue;
    }
    result += fmt::format("{}  lun {}  {}  {}\n", place(*unit), number_at(*unit, "lun"),
                          size_text(number_at(*unit, "size_bytes")), or_dash(text_at(*unit, "wwid")));
  }
  return result;
}

std::string away_units_text(const json::object& session) {
  std::string result;
  for (const auto& element : units(session))
    if (const auto* unit = element.if_object(); unit && !away_text(*unit).empty())
      result +=
          fmt::format("    {}  lun {}  away: {}\n", place(*unit), number_at(*unit, "lun"), away_text(*unit));
  return result;
}

std::string list_text(const json::array& sessions) {
  if (sessions.empty()) return "no sessions\n";
  std::string result;
  for (const auto& element : sessions) {
    const auto* session = element.if_object();
    if (!session) continue;
    result += fmt::format("{}  {}  {}\n", text_at(*session, "name"), state_text(*session),
                          text_at(*session, "target"));
    for (const auto& unit_element : units(*session)) {
      const auto* unit = unit_element.if_object();
      if (!unit) continue;
      result += fmt::format("    {}  lun {}  {}  {}\n", place(*unit), number_at(*unit, "lun"),
                            size_text(number_at(*unit, "size_bytes")), or_dash(text_at(*unit, "wwid")));
      if (const auto away = away_text(*unit); !away.empty())
        result += fmt::format("        away: {}\n", away);
    }
    const auto& error = object_at(*session, "last_error");
    if (!error.empty() && text_at(*session, "state") != "live")
      result += fmt::format("    last error: {}\n", text_at(error, "message"));
  }
  return result;
}

std::string unit_tasks_text(std::string_view command, const json::object& answer) {
  const auto good = command == "abort" ? "aborted: nothing submitted before is under way any more"
                                       : "reset: its requests are sent again";
  std::string result;
  for (const auto& element : units(answer)) {
    const auto* unit = element.if_object();
    if (!unit) continue;
    result += fmt::format(
        "{}  lun {}  {}\n", text_at(answer, "name"), number_at(*unit, "lun"),
        is_true_at(*unit, "ok") ? good : "failed: " + text_at(object_at(*unit, "error"), "message"));
  }
  return result;
}

bool all_units_ok(const json::object& answer) {
  const auto& all = units(answer);
  return std::ranges::all_of(all, [](const json::value& element) {
    const auto* unit = element.if_object();
    return unit && is_true_at(*unit, "ok");
  });
}

std::string show_text(const json::object& session) {
  const auto line = [](std::string_view label, const std::string& value) {
    return fmt::format("{:<20}{}\n", label, value);
  };
  const auto hca = text_at(session, "hca");
  const auto port = number_at(session, "port");
  const auto& options = object_at(session, "options");
  const auto& counters = object_at(session, "counters");
  const auto& negotiated = object_at(session, "negotiated");
  auto result = line("session", text_at(session, "name"));
  result += line("state", state_text(session));
  result += line("target", text_at(session, "target"));
  result += line("HCA, port", hca.empty() ? "-" : fmt::format("{}, {}", hca, port));
  result += line("source", fmt::format("{}  GID {}", or_dash(text_at(session, "source")),
                                       or_dash(text_at(session, "source_gid"))));
  result += line("destination", fmt::format("{}  GID {}", or_dash(text_at(session, "destination")),
                                            or_dash(text_at(session, "destination_gid"))));
  result += line("initiator port id", text_at(session, "initiator_port_id"));
  result += line("target port id", text_at(session, "target_port_id"));
  for (const auto& element : units(session))
    if (const auto* unit = element.if_object()) {
      result += line(fmt::format("lun {}", number_at(*unit, "lun")),
                     fmt::format("{}  {} ({} blocks of {} B)  {} {} {}  wwid {}  serial {}", place(*unit),
                                 size_text(number_at(*unit, "size_bytes")), number_at(*unit, "blocks"),
                                 number_at(*unit, "block_size"), text_at(*unit, "vendor"),
                                 text_at(*unit, "product"), text_at(*unit, "revision"),
                                 or_dash(text_at(*unit, "wwid")), or_dash(text_at(*unit, "serial"))));
      if (const auto away = away_text(*unit); !away.empty()) result += line("", "away: " + away);
    }
  const auto running = timers_text(session);
  result += line("timers running", running.empty() ? "-" : running);
  result += line("timer settings",
                 fmt::format("connect {}, command {}, task management {}, keepalive {}, reconnect delay {}, "
                             "fast I/O fail {}, device loss {}",
                             setting(options, "connect_timeout_ms"), setting(options, "command_timeout_ms"),
                             setting(options, "task_management_timeout_ms"), setting(options, "keepalive_ms"),
                             setting(options, "reconnect_delay_ms"), setting(options, "fast_io_fail_ms"),
                             setting(options, "dev_loss_ms")));
  result += line("transport",
                 fmt::format("retry count {}, ack timeout exponent {}", number_at(options, "retry_count"),
                             number_at(options, "ack_timeout_exponent")));
  result += line("fence", !is_true_at(options, "fence")              ? "off"
                          : is_true_at(options, "fence_first_login") ? "on, at the first login as well"
                                                                     : "on");
  result +=
      line("negotiated", fmt::format("request limit {}, IU {} B", number_at(negotiated, "request_limit"),
                                     number_at(negotiated, "max_it_iu_bytes")));
  const auto& channels = object_at(session, "channels");
  const auto& missing = object_at(channels, "error");
  result +=
      line("channels", fmt::format("{} of {} live, {} lost while others lived{}", number_at(channels, "live"),
                                   number_at(channels, "wanted"), number_at(channels, "lost"),
                                   missing.empty() ? "" : "; " + text_at(missing, "message")));
  result +=
      line("counters",
           fmt::format("{} logins, {} losses, {} commands ({} failed, {} outstanding), read {}, written {}",
                       number_at(counters, "connects"), number_at(counters, "losses"),
                       number_at(counters, "commands"), number_at(counters, "command_errors"),
                       number_at(counters, "outstanding"), size_text(number_at(counters, "read_bytes")),
                       size_text(number_at(counters, "written_bytes"))));
  const auto& error = object_at(session, "last_error");
  result += line("last error", error.empty() ? "-" : text_at(error, "message"));
  return result;
}

}  // namespace srp_nbd
