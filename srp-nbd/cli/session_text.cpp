// SPDX-License-Identifier: Apache-2.0
#include "cli/session_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "control/reports.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;

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
  if (const auto n = session.not_taken.size(); n > 0)
    result += fmt::format(", {} unit{} not taken", n, n == 1 ? "" : "s");
  append(result, timers_text(session.timers));
  if (session.stale) result += " (last known: its thread does not answer)";
  return result;
}

// All members with their names: "keepalive 5000 ms, fence on, …". A key with the suffix has its unit in the text.
std::string members_text(const json::object& members, std::string_view suffix,
                         std::string (*text_with_unit)(std::uint64_t)) {
  std::string result;
  for (const auto& [key, value] : members) {
    std::string name(key), text = "?";
    const bool has_unit = name.ends_with(suffix);
    if (has_unit) name.resize(name.size() - suffix.size());
    boost::system::error_code error;
    const auto number = value.to_number<std::uint64_t>(error);
    if (!error) text = has_unit ? text_with_unit(number) : std::to_string(number);
    if (value.is_string()) text = value.get_string();
    if (value.is_bool()) text = value.get_bool() ? "on" : "off";
    append(result, spaced(name) + " " + text);
  }
  return result;
}

std::string milliseconds_text(std::uint64_t number) { return fmt::format("{} ms", number); }

std::string unit_details(const UnitView& unit) {
  auto why = unit.away ? fmt::format("{:<20}away: {}\n", "", unit.away->message) : "";
  if (unit.publish_error) why += fmt::format("{:<20}not published: {}\n", "", unit.publish_error->message);
  return fmt::format("{:<20}{}  {} ({} blocks of {} B)  {} {} {}  wwid {}  serial {}\n{}",
                     fmt::format("lun {}", unit.lun), place(unit), size_text(unit.size_bytes), unit.blocks,
                     unit.block_size, unit.vendor, unit.product, unit.revision, or_dash(unit.wwid),
                     or_dash(unit.serial), why);
}

std::string not_taken_text(const SessionView& session, std::string_view indent) {
  std::string result;
  for (const auto& unit : session.not_taken)
    result += fmt::format("{}(not taken)  lun {}  {}\n", indent, unit.lun, unit.why.message);
  return result;
}

}  // namespace

std::string units_text(const SessionView& session, std::string_view indent) {
  std::string result;
  for (const auto& unit : session.luns)
    result += fmt::format("{}{}", indent, unit.export_ ? *unit.export_ + "\n" : unit_line(unit));
  return result + not_taken_text(session, indent);
}

std::string away_units_text(const SessionView& session) {
  std::string result;
  for (const auto& unit : session.luns)
    if (unit.away)
      result += fmt::format("    {}  lun {}  away: {}\n", place(unit), unit.lun, unit.away->message);
  return result;
}

std::string rescan_text(const RescanAnswer& answer) {
  const auto& session = answer.session;
  auto result = fmt::format("{}: {} new unit{}\n", session.name, answer.found.size(),
                            answer.found.size() == 1 ? "" : "s");
  for (const auto& unit : session.luns) {
    if (std::ranges::find(answer.found, unit.lun) == answer.found.end()) continue;
    result += "    " + unit_line(unit);
    if (unit.publish_error) result += fmt::format("        not published: {}\n", unit.publish_error->message);
  }
  return result + away_units_text(session) + not_taken_text(session, "    ");
}

std::string list_text(const std::vector<SessionView>& sessions) {
  if (sessions.empty()) return "no sessions\n";
  std::string result;
  for (const auto& session : sessions) {
    result += fmt::format("{}  {}  {}\n", session.name, state_text(session), session.target);
    for (const auto& unit : session.luns) {
      result += "    " + unit_line(unit);
      if (unit.away) result += fmt::format("        away: {}\n", unit.away->message);
      if (unit.publish_error)
        result += fmt::format("        not published: {}\n", unit.publish_error->message);
    }
    result += not_taken_text(session, "    ");
    if (session.publish_error)
      result += fmt::format("    not published, tried again: {}\n", session.publish_error->message);
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
  constexpr const char* kForm = R"(session             {}
state               {}
target              {}
HCA, port           {}
source              {}  GID {}
destination         {}  GID {}
initiator port id   {}
target port id      {}
{}timers running      {}
options             {}
negotiated          {}
channels            {} of {} live, {} lost while others lived{}
counters            {}
last error          {}
last rescan         {}
not published       {}
)";
  const auto& channels = session.channels;
  std::string units;
  for (const auto& unit : session.luns) units += unit_details(unit);
  for (const auto& unit : session.not_taken)
    units += fmt::format("{:<19} not taken: {}\n", fmt::format("lun {}", unit.lun), unit.why.message);
  const auto timers = timers_text(session.timers);
  return fmt::format(
      kForm, session.name, state_text(session), session.target,
      session.hca ? fmt::format("{}, {}", *session.hca, session.port.value_or(0)) : "-",
      or_dash(session.source), or_dash(session.source_gid), or_dash(session.destination),
      or_dash(session.destination_gid), or_dash(session.initiator_port_id), session.target_port_id, units,
      timers.empty() ? "-" : timers, members_text(session.options, "_ms", milliseconds_text),
      members_text(to_json(session.negotiated).as_object(), "_bytes", size_text), channels.live,
      channels.wanted, channels.lost, channels.error ? "; " + channels.error->message : "",
      members_text(to_json(session.counters).as_object(), "_bytes", size_text),
      session.last_error ? session.last_error->message : "-",
      session.rescan_error ? "failed: " + session.rescan_error->message : "-",
      session.publish_error ? session.publish_error->message : "-");
}

std::string duration_text(double milliseconds) {
  if (milliseconds < 9950) return fmt::format("{:.1f} s", milliseconds / 1000);
  const auto seconds = std::lround(milliseconds / 1000);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

}  // namespace srp_nbd
