// SPDX-License-Identifier: Apache-2.0
#include "cli/session_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "control/words.hpp"

namespace srp_nbd {
namespace {

std::string or_dash(const OptionalText& text) { return text.value_or("-"); }

std::string place(const UnitView& unit) {
  return unit.device ? *unit.device : unit.export_.value_or("(not published)");
}

std::string unit_line(const UnitView& unit) {
  return fmt::format("{}  lun {}  {}  {}\n", place(unit), unit.lun, size_text(unit.size_bytes),
                     or_dash(unit.wwid));
}

void append(std::string& list, const std::string& words) {
  if (!words.empty()) list += (list.empty() ? "" : ", ") + words;
}

// "next attempt in 3.2 s, erased in 9 min 58 s"; empty if no timer runs.
std::string timers_text(const TimersView& timers) {
  std::string result;
  const auto timer = [&](const std::optional<std::int64_t>& left, std::string_view words) {
    if (!left) return;
    const auto time = static_cast<double>(*left);
    append(result,
           *left < 1 ? fmt::format("{} now", words) : fmt::format("{} in {}", words, duration_text(time)));
  };
  timer(timers.next_attempt_ms, "next attempt");
  timer(timers.fast_io_fail_ms, "held I/O fails");
  timer(timers.dev_loss_ms, "erased");
  return result;
}

// "live", "live, 1 of 3 units away", "disconnected by administrator", "disconnected by fault, next attempt in
// 1.2 s"
std::string state_text(const SessionView& session) {
  auto result = session.state;
  if (session.by) result += " by " + *session.by;
  const auto& channels = session.channels;
  if (channels.live > 0 && channels.live < channels.wanted)
    result += fmt::format(" over {} of {} channels", channels.live, channels.wanted);
  const auto away =
      std::ranges::count_if(session.luns, [](const UnitView& unit) { return unit.away.has_value(); });
  if (away > 0 && session.state == "live")
    result += fmt::format(", {} of {} units away", away, session.luns.size());
  append(result, timers_text(session.timers));
  if (session.stale) result += " (last known: its thread does not answer)";
  return result;
}

// "keepalive_ms", 5000: "keepalive 5000 ms"
std::string setting_text(const Setting& setting) {
  auto name = setting.key;
  const bool is_time = name.ends_with("_ms");
  if (is_time) name.resize(name.size() - 3);
  std::string value = "?";
  if (const auto* text = std::get_if<std::string>(&setting.value)) value = *text;
  if (const auto* is_on = std::get_if<bool>(&setting.value)) value = *is_on ? "on" : "off";
  if (const auto* number = std::get_if<std::int64_t>(&setting.value))
    value = fmt::format("{}{}", *number, is_time ? " ms" : "");
  return spaced(name) + " " + value;
}

template<class Value>
std::string member_text(std::string key, Value value) {
  std::string text;
  if constexpr (std::is_same_v<Value, bool>)
    text = value ? "on" : "off";
  else
    text = key.ends_with("_bytes") ? size_text(value) : std::to_string(value);
  if (key.ends_with("_bytes")) key.resize(key.size() - 6);
  return spaced(key) + " " + text;
}

// All members with their names: "connects 1, losses 0, …"
template<class T>
std::string members_text(const T& all) {
  std::string result;
  for_each_member<T>([&](std::string_view key, auto pointer) {
    append(result, member_text(std::string(key), all.*pointer));
  });
  return result;
}

std::string line(std::string_view label, const std::string& value) {
  return fmt::format("{:<20}{}\n", label, value);
}

std::string unit_details(const UnitView& unit) {
  auto result = line(fmt::format("lun {}", unit.lun),
                     fmt::format("{}  {} ({} blocks of {} B)  {} {} {}  wwid {}  serial {}", place(unit),
                                 size_text(unit.size_bytes), unit.blocks, unit.block_size, unit.vendor,
                                 unit.product, unit.revision, or_dash(unit.wwid), or_dash(unit.serial)));
  if (unit.away) result += line("", "away: " + unit.away->message);
  return result;
}

}  // namespace

std::string units_text(const SessionView& session, std::string_view indent) {
  std::string result;
  for (const auto& unit : session.luns)
    result += fmt::format("{}{}", indent, unit.export_ ? *unit.export_ + "\n" : unit_line(unit));
  return result;
}

std::string away_units_text(const SessionView& session) {
  std::string result;
  for (const auto& unit : session.luns)
    if (unit.away)
      result += fmt::format("    {}  lun {}  away: {}\n", place(unit), unit.lun, unit.away->message);
  return result;
}

std::string list_text(const std::vector<SessionView>& sessions) {
  if (sessions.empty()) return "no sessions\n";
  std::string result;
  for (const auto& session : sessions) {
    result += fmt::format("{}  {}  {}\n", session.name, state_text(session), session.target);
    for (const auto& unit : session.luns) {
      result += "    " + unit_line(unit);
      if (unit.away) result += fmt::format("        away: {}\n", unit.away->message);
    }
    if (session.last_error && session.state != "live")
      result += fmt::format("    last error: {}\n", session.last_error->message);
  }
  return result;
}

std::string unit_tasks_text(std::string_view command, const UnitTaskAnswer& answer) {
  const auto good = command == "abort" ? "aborted: nothing submitted before is under way any more"
                                       : "reset: its requests are sent again";
  std::string result;
  for (const auto& unit : answer.luns)
    result += fmt::format("{}  lun {}  {}\n", answer.name, unit.lun,
                          unit.error ? "failed: " + unit.error->message : good);
  return result;
}

std::string show_text(const SessionView& session) {
  const auto& channels = session.channels;
  std::string settings;
  for (const auto& setting : session.options) append(settings, setting_text(setting));
  const auto running = timers_text(session.timers);

  auto result = line("session", session.name);
  result += line("state", state_text(session));
  result += line("target", session.target);
  result +=
      line("HCA, port", session.hca ? fmt::format("{}, {}", *session.hca, session.port.value_or(0)) : "-");
  result += line("source", or_dash(session.source) + "  GID " + or_dash(session.source_gid));
  result += line("destination", or_dash(session.destination) + "  GID " + or_dash(session.destination_gid));
  result += line("initiator port id", or_dash(session.initiator_port_id));
  result += line("target port id", session.target_port_id);
  for (const auto& unit : session.luns) result += unit_details(unit);
  result += line("timers running", running.empty() ? "-" : running);
  result += line("options", settings);
  result += line("negotiated", members_text(session.negotiated));
  result += line("channels",
                 fmt::format("{} of {} live, {} lost while others lived{}", channels.live, channels.wanted,
                             channels.lost, channels.error ? "; " + channels.error->message : ""));
  result += line("counters", members_text(session.counters));
  result += line("last error", session.last_error ? session.last_error->message : "-");
  return result;
}

}  // namespace srp_nbd
