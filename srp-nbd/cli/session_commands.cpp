// SPDX-License-Identifier: Apache-2.0
// The commands that show or change sessions: list, show, disconnect, reconnect, erase, target.
#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "cli/commands.hpp"
#include "cli/session_text.hpp"

namespace srp_nbd {
namespace {

// The session's timers limit the time of the order.
template<class AnyOrder>
Outcome<Reply<typename AnyOrder::Answer>> patiently(const Commands& commands, const AnyOrder& order,
                                                    std::string doing) {
  return commands.client().ask(order, {std::nullopt, std::move(doing)});
}

ExitCode list(const Commands& commands, bool as_json) {
  const auto reply = commands.client().ask(ListOrder{});
  if (!reply) return report(reply.error());
  print(as_json ? boost::json::serialize(reply->json.at("sessions")) + "\n"
                : list_text(reply->answer.sessions));
  return ExitCode::ok;
}

ExitCode show(const Commands& commands, const std::string& name, bool as_json) {
  const auto reply = commands.client().ask(ShowOrder{name});
  if (!reply) return report(reply.error());
  print(as_json ? boost::json::serialize(reply->json.at("session")) + "\n"
                : show_text(reply->answer.session));
  return ExitCode::ok;
}

ExitCode disconnect(const Commands& commands, const std::string& name) {
  const auto reply = patiently(commands, DisconnectOrder{name}, "disconnecting " + name);
  if (!reply) return report(reply.error());
  print(
      fmt::format("{} disconnected in {:.1f} us; its devices stay, and answer with I/O errors until `srp-nbd "
                  "reconnect {}`\n",
                  name, reply->answer.disconnect_us, name));
  return ExitCode::ok;
}

ExitCode reconnect(const Commands& commands, const std::string& name) {
  if (const auto reply = patiently(commands, ReconnectOrder{name}, "reconnecting " + name); !reply)
    return report(reply.error());
  const auto shown = commands.client().ask(ShowOrder{name});  // it may be erased meanwhile
  print(fmt::format("{} is live\n{}", name, shown ? away_units_text(shown->answer.session) : ""));
  return ExitCode::ok;
}

ExitCode erase(const Commands& commands, const std::string& name) {
  if (const auto reply = patiently(commands, EraseOrder{name}, "erasing " + name); !reply)
    return report(reply.error());
  print(fmt::format("{} erased\n", name));
  return ExitCode::ok;
}

ExitCode switch_target(const Commands& commands, const std::string& name, bool online) {
  if (const auto reply = patiently(commands, TargetOrder{name, online}, {}); !reply)
    return report(reply.error());
  print(fmt::format("{}: target {}\n", name, online ? "online" : "offline"));
  return ExitCode::ok;
}

}  // namespace

void add_report_commands(Commands& commands) {
  const auto as_json = std::make_shared<bool>(false);
  const auto name = std::make_shared<std::string>();
  auto& list_command =
      commands.add("list", "All sessions and their devices",
                   "  srp-nbd list\n  srp-nbd list --json | jq -r '.[] | .name + \" \" + .state'\n",
                   [&commands, as_json] { return list(commands, *as_json); });
  auto& show_command =
      commands.add("show", "Everything about a session", "  srp-nbd show s0\n  srp-nbd show s0 --json\n",
                   [&commands, name, as_json] { return show(commands, *name, *as_json); });
  add_name(show_command, *name);
  for (auto* command : {&list_command, &show_command}) command->add_flag("--json", *as_json, "As JSON");
}

void add_session_commands(Commands& commands) {
  const auto name = std::make_shared<std::string>();
  const auto add = [&](const char* command, const char* help, const char* examples, auto run) {
    add_name(commands.add(command, help, examples, [&commands, name, run] { return run(commands, *name); }),
             *name);
  };
  add("disconnect", "End a session's connection: I/O fails at once, its devices stay",
      "  srp-nbd disconnect s0\nPermanent until `srp-nbd reconnect`.\n", disconnect);
  add("reconnect", "Connect a session again: the same devices work again", "  srp-nbd reconnect s0\n",
      reconnect);
  add("erase", "Remove a session and its devices", "  srp-nbd erase s0\n", erase);
}

void add_target_command(Commands& commands) {
  const auto name = std::make_shared<std::string>();
  auto& target =
      commands.add_group("target", "Rehearse an outage: switch a ram:// session's target off and on");
  const auto add = [&](const char* word, const char* help, const char* examples, bool online) {
    add_name(commands.add_to(target, word, help, examples,
                             [&commands, name, online] { return switch_target(commands, *name, online); }),
             *name);
  };
  add("offline", "The target goes away", "  srp-nbd target offline s0\n", false);
  add("online", "The target comes back", "  srp-nbd target online s0\n", true);
}

}  // namespace srp_nbd
