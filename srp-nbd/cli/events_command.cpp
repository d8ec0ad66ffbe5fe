// SPDX-License-Identifier: Apache-2.0
// `events`: prints one line per event until the daemon ends or the command is interrupted.
#include <boost/json/parse.hpp>
#include <cstdio>

#include "cli/commands.hpp"
#include "control/event.hpp"

namespace srp_nbd {
namespace {

struct EventsArguments {
  std::string name;
  bool as_json = false;
};

// A line that this program does not understand is printed unchanged.
std::string event_text(std::string_view line) {
  boost::system::error_code error;
  const auto value = boost::json::parse({line.data(), line.size()}, error);
  Event event;
  if (error || !JsonReader(Reading::answer).read(value, event, "event")) return std::string(line);
  return event.text();
}

ExitCode follow(const ControlClient& client, const EventsArguments& arguments) {
  EventsOrder order;
  if (!arguments.name.empty()) order.name = arguments.name;
  return report(client.follow(order, [&](std::string_view line) {
    print((arguments.as_json ? std::string(line) : event_text(line)) + "\n");
    std::fflush(stdout);  // so that a reader of a pipe gets each event at once
  }));
}

}  // namespace

void add_events_command(Commands& commands) {
  const auto arguments = std::make_shared<EventsArguments>();
  auto& command =
      commands.add("events", "Follow what happens to all sessions, or to one, until interrupted",
                   "  srp-nbd events\n  srp-nbd events --json | jq -c 'select(.to == \"disconnected\")'\n"
                   "It begins with the present state of each session, so nothing is missed in between.\n",
                   [&commands, arguments] { return follow(commands.client(), *arguments); });
  command.add_option("NAME", arguments->name, "Only this session")->check(kNotEmpty);
  command.add_flag("--json", arguments->as_json, "One JSON object a line");
}

}  // namespace srp_nbd
