// SPDX-License-Identifier: Apache-2.0
// All commands but sync.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>

#include "cli/command_line.hpp"
#include "cli/session_text.hpp"
#include "control/reports.hpp"

namespace srp_nbd {
namespace {

std::string json_line(const boost::json::value& value) { return boost::json::serialize(value) + "\n"; }

// The session's timers limit the time of the order.
Patience endless(std::string doing) { return {std::nullopt, std::move(doing)}; }

// Sends an order and prints what `text` makes of the reply.
template<class AnyOrder, class Text>
ExitCode carry_out(const Commands& given, const AnyOrder& order, const Patience& patience, Text text) {
  const auto reply = given.client().ask(order, patience);
  if (!reply) return report(reply.error());
  print(text(*reply));
  return ExitCode::ok;
}

ExitCode serve(const Commands& given) {
  return given.daemon.serve(given.config_path, given.given_control_path, given.in_foreground);
}

ExitCode reload(const Commands& given) {
  ReloadOrder order;
  if (given.is_pruning) order.prune = true;
  bool are_all_good = false;
  const auto code = carry_out(given, order, endless("reloading"), [&](const auto& reply) {
    const auto& sessions = reply.answer.sessions;
    are_all_good = std::ranges::none_of(sessions, [](const auto& each) { return each.error.has_value(); });
    if (given.as_json) return json_line(reply.json.at("sessions"));
    std::string text;
    for (const auto& session : sessions) text += reloaded_text(session) + "\n";
    return text.empty() ? std::string("no sessions in the configuration\n") : text;
  });
  return code == ExitCode::ok && !are_all_good ? ExitCode::failed : code;
}

ExitCode run(const Commands& given) {
  auto order = session_order(given.chosen());
  if (!order) return report(order.error());
  return given.daemon.run(given.control_path(), std::move(order->session));
}

ExitCode connect(const Commands& given) {
  const auto order = session_order(given.chosen());
  if (!order) return report(order.error());
  return carry_out(given, *order, patience_for(*order), [&](const auto& reply) {
    if (given.as_json) return json_line(reply.json.at("session"));
    const auto& session = reply.answer.session;
    return order->session.wait ? units_text(session)
                               : fmt::format("session {} is connecting\n", session.name);
  });
}

ExitCode list(const Commands& given) {
  return carry_out(given, ListOrder(), {}, [&](const auto& reply) {
    return given.as_json ? json_line(reply.json.at("sessions")) : list_text(reply.answer.sessions);
  });
}

ExitCode show(const Commands& given) {
  return carry_out(given, ShowOrder{given.name}, {}, [&](const auto& reply) {
    return given.as_json ? json_line(reply.json.at("session")) : show_text(reply.answer.session);
  });
}

ExitCode disconnect(const Commands& given) {
  const auto& name = given.name;
  return carry_out(given, DisconnectOrder{name}, endless("disconnecting " + name), [&](const auto& reply) {
    return fmt::format(
        "{} disconnected in {:.1f} us; its devices stay, and answer with I/O errors until `srp-nbd "
        "reconnect {}`\n",
        name, reply.answer.disconnect_us, name);
  });
}

ExitCode reconnect(const Commands& given) {
  const auto& name = given.name;
  return carry_out(given, ReconnectOrder{name}, endless("reconnecting " + name), [&](const auto&) {
    const auto shown = given.client().ask(ShowOrder{name});  // it may be erased meanwhile
    return fmt::format("{} is live\n{}", name, shown ? away_units_text(shown->answer.session) : "");
  });
}

ExitCode rescan(const Commands& given) {
  const auto& name = given.name;
  return carry_out(given, RescanOrder{name}, endless("rescanning " + name), [&](const auto& reply) {
    return given.as_json ? json_line(reply.json) : rescan_text(reply.answer);
  });
}

ExitCode erase(const Commands& given) {
  EraseOrder order{given.name, {}, {}};
  if (given.is_forced) order.force = true;
  if (given.lun) order.lun = *given.lun;
  return carry_out(given, order, endless("erasing " + given.name), [&](const auto&) {
    return given.lun ? fmt::format("{}: lun {} erased\n", given.name, *given.lun) : given.name + " erased\n";
  });
}

template<bool IsOnline>
ExitCode switch_target(const Commands& given) {
  return carry_out(given, TargetOrder{given.name, IsOnline}, endless({}), [&](const auto&) {
    return fmt::format("{}: target {}\n", given.name, IsOnline ? "online" : "offline");
  });
}

template<bool IsMapped>
ExitCode map_unit(const Commands& given) {
  TargetUnitOrder order{given.name, given.lun.value_or(0), IsMapped, {}};
  if (given.size_bytes) order.size_bytes = *given.size_bytes;
  return carry_out(given, order, endless({}), [&](const auto&) {
    return fmt::format("{}: lun {} {} by the target\n", given.name, order.lun,
                       IsMapped ? "mapped" : "unmapped");
  });
}

// Of one logical unit or of all.
template<class AnyOrder>
ExitCode abort_or_reset(const Commands& given) {
  AnyOrder order{given.name, {}};
  if (given.lun) order.lun = *given.lun;
  const std::string command(AnyOrder::kCommand);
  bool are_all_good = false;
  const auto code = carry_out(given, order, endless(command + " of " + given.name), [&](const auto& reply) {
    are_all_good = std::ranges::all_of(reply.answer.luns, &UnitTaskResult::ok);
    return given.as_json ? json_line(reply.json) : unit_tasks_text(command, reply.answer);
  });
  return code == ExitCode::ok && !are_all_good ? ExitCode::failed : code;
}

// A line that this program does not understand is printed unchanged.
std::string event_text(std::string_view line) {
  boost::system::error_code error;
  const auto value = boost::json::parse({line.data(), line.size()}, error);
  Event event;
  if (error || !JsonReader(Reading::answer).read(value, event, "event")) return std::string(line);
  return event.text();
}

// Prints one line per event until the daemon ends or the command is interrupted.
ExitCode follow(const Commands& given) {
  EventsOrder order;
  if (!given.name.empty()) order.name = given.name;
  return report(given.client().follow(order, [&](std::string_view line) {
    print((given.as_json ? std::string(line) : event_text(line)) + "\n");
    std::fflush(stdout);  // so that a reader of a pipe gets each event at once
  }));
}

constexpr const char* kConnectExamples = R"(  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2'
      Publishes every logical unit of the target as /dev/nbdN.
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2' --name store --lun 0 --device /dev/nbd3
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2' --initiator-port-id … --fence-first-login
      Takes over from a session with this port id that died with writes on their way.
  srp-nbd connect ram://512M --listen unix:/tmp/ram.sock
      No RDMA, no root: any NBD client opens nbd+unix:///lun0?socket=/tmp/ram.sock
)";

void add_rescan_and_erase(Commands& to) {
  auto& rescan_command = to.add(
      "rescan", "Find and publish the units that the target has added",
      "  srp-nbd rescan s0\n  srp-nbd rescan s0 --json | jq .found\n"
      "Units that are gone stay, and are away. A session without --lun also does this by itself: when the "
      "target reports that it has other units, and after each outage.\n",
      rescan);
  to.add_name(rescan_command);
  rescan_command.add_flag("--json", to.as_json, "As JSON");
  auto& erase_command = to.add(
      "erase", "Remove a session and its devices, or one unit's device",
      "  srp-nbd erase s0\n  srp-nbd erase s0 --lun 2\n"
      "Refused while a device is mounted or open, or while an NBD client is connected. Without one unit, the "
      "session goes on; `srp-nbd rescan` publishes that unit again.\n",
      erase);
  to.add_name(erase_command);
  erase_command.add_option("--lun", to.lun, "Only this logical unit; the session by default")
      ->type_name("N")
      ->check(kWholeNumber);
  erase_command.add_flag("--force", to.is_forced, "Also if something uses it: its I/O fails from then on");
}

}  // namespace

void add_session_commands(Commands& to) {
  auto& serve_command = to.add(
      "daemon", "Start the daemon that the other commands talk to",
      "  srp-nbd daemon --config /etc/srp-nbd.toml\n  srp-nbd daemon --foreground --control /tmp/srp.sock\n"
      "SIGTERM or SIGINT end it: devices disconnected, sessions erased. SIGHUP: like `srp-nbd reload`.\n",
      serve);
  serve_command.add_option("--config", to.config_path, "Configuration file (TOML)")
      ->type_name("FILE")
      ->check(kNotEmpty);
  serve_command.add_flag("--foreground", to.in_foreground, "Stay in the foreground, log to stderr");

  add_session_arguments(
      to.add("run", "One session in the foreground; it ends with Ctrl-C, or when it is erased",
             "  srp-nbd run ram://512M --listen unix:/tmp/ram.sock\n"
             "The other commands work on it from another terminal.\n",
             run),
      SessionUse::run);
  auto& connect_command =
      to.add("connect", "Log in to a target and publish its logical units", kConnectExamples, connect);
  add_session_arguments(connect_command, SessionUse::connect);
  connect_command.add_flag("--json", to.as_json, "Print the session as JSON");

  to.add("list", "All sessions and their devices",
         "  srp-nbd list\n  srp-nbd list --json | jq -r '.[] | .name + \" \" + .state'\n", list)
      .add_flag("--json", to.as_json, "As JSON");
  auto& show_command =
      to.add("show", "Everything about a session", "  srp-nbd show s0\n  srp-nbd show s0 --json\n", show);
  to.add_name(show_command);
  show_command.add_flag("--json", to.as_json, "As JSON");

  to.add_name(to.add("disconnect", "End a session's connection: I/O fails at once, its devices stay",
                     "  srp-nbd disconnect s0\nPermanent until `srp-nbd reconnect`.\n", disconnect));
  to.add_name(to.add("reconnect", "Connect a session again: the same devices work again",
                     "  srp-nbd reconnect s0\n", reconnect));
  add_rescan_and_erase(to);

  auto& reload_command = to.add(
      "reload", "Read the daemon's configuration again: connect its new sessions",
      "  srp-nbd reload\nSessions that exist are not touched: changed options are named. Those that the "
      "configuration does not have any more are left alone.\n",
      reload);
  reload_command.add_flag("--prune", to.is_pruning,
                          "Erase what the configuration does not have any more, unless it is in use");
  reload_command.add_flag("--json", to.as_json, "As JSON");
}

void add_unit_commands(Commands& to) {
  const std::string result =
      "One line a unit says what has become of it; the exit code is 1 if any failed.\n";
  auto& abort =
      to.add("abort", "End a session's outstanding requests with an I/O error",
             "  srp-nbd abort s0\n  srp-nbd abort s0 --lun 2\n"
             "ABORT TASK for each command at the target, LOGICAL UNIT RESET where that is refused, then "
             "the end of the connection. Held requests end, too. What is submitted afterwards goes on.\n" +
                 result,
             abort_or_reset<AbortOrder>);
  auto& reset =
      to.add("reset", "LOGICAL UNIT RESET for a session's units",
             "  srp-nbd reset s0 --lun 0\n  srp-nbd reset s0 --json | jq '.luns[] | select(.ok | not)'\n"
             "The session sends its own requests again, nothing fails. Those of other initiators on the "
             "unit are aborted as well; a reset clears what it holds for them.\n" +
                 result,
             abort_or_reset<ResetOrder>);
  for (auto* command : {&abort, &reset}) {
    to.add_name(*command);
    command->add_option("--lun", to.lun, "Only this logical unit; all by default")
        ->type_name("N")
        ->check(kWholeNumber);
    command->add_flag("--json", to.as_json, "As JSON");
  }
}

void add_events_and_target_commands(Commands& to) {
  auto& events =
      to.add("events", "Follow what happens to all sessions, or to one, until interrupted",
             "  srp-nbd events\n  srp-nbd events --json | jq -c 'select(.to == \"disconnected\")'\n"
             "It begins with the present state of each session, so nothing is missed in between.\n",
             follow);
  events.add_option("NAME", to.name, "Only this session")->check(kNotEmpty);
  events.add_flag("--json", to.as_json, "One JSON object a line");

  auto* target =
      to.app.add_subcommand("target", "Rehearse what a target may do: change a ram:// session's target");
  target->require_subcommand(1);
  to.add_name(to.add("offline", "The target goes away", "  srp-nbd target offline s0\n", switch_target<false>,
                     target));
  to.add_name(
      to.add("online", "The target comes back", "  srp-nbd target online s0\n", switch_target<true>, target));
  auto& map = to.add("map", "The target adds a unit, or brings one back that it has unmapped",
                     "  srp-nbd target map s0 --lun 3 --size 64M\n  srp-nbd target map s0 --lun 3\n",
                     map_unit<true>, target);
  auto& unmap = to.add("unmap", "The target removes a unit", "  srp-nbd target unmap s0 --lun 3\n",
                       map_unit<false>, target);
  for (auto* command : {&map, &unmap}) {
    to.add_name(*command);
    command->add_option("--lun", to.lun, "Its number")->type_name("N")->check(kWholeNumber)->required();
  }
  map.add_option("--size", to.size_bytes, "The size of a new unit, with K, M, G or T")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(false));
}

}  // namespace srp_nbd
