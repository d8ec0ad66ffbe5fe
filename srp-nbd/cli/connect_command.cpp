// SPDX-License-Identifier: Apache-2.0
// `connect`, and `run`, which is a daemon for one session.
#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "cli/commands.hpp"
#include "cli/session_arguments.hpp"
#include "cli/session_text.hpp"

namespace srp_nbd {
namespace {

constexpr const char* kExamples = R"(  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2'
      Publishes every logical unit of the target as /dev/nbdN.
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2' --name store --lun 0 --device /dev/nbd3
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2' --initiator-port-id … --fence-first-login
      Takes over from a session with this port id that died with writes on their way.
  srp-nbd connect ram://512M --listen unix:/tmp/ram.sock
      No RDMA, no root: any NBD client opens nbd+unix:///lun0?socket=/tmp/ram.sock
)";

struct ConnectArguments {
  SessionArguments session{SessionArguments::Wanted::one_session};
  bool as_json = false;
};

ExitCode connect(const ControlClient& client, const ConnectArguments& arguments) {
  const auto order = arguments.session.order();
  if (!order) return report(order.error());
  const auto reply = client.ask(*order, patience_for(*order));
  if (!reply) return report(reply.error());
  const auto& session = reply->answer.session;
  if (arguments.as_json)
    print(boost::json::serialize(reply->json.at("session")) + "\n");
  else
    print(order->session.wait ? units_text(session)
                              : fmt::format("session {} is connecting\n", session.name));
  return ExitCode::ok;
}

}  // namespace

void add_connect_command(Commands& commands) {
  const auto arguments = std::make_shared<ConnectArguments>();
  auto& command = commands.add("connect", "Log in to a target and publish its logical units", kExamples,
                               [&commands, arguments] { return connect(commands.client(), *arguments); });
  arguments->session.add_to(command);
  command.add_flag("--json", arguments->as_json, "Print the session as JSON");
}

void add_run_command(Commands& commands) {
  const auto arguments = std::make_shared<SessionArguments>(SessionArguments::Wanted::without_daemon);
  auto& command = commands.add(
      "run", "One session in the foreground; it ends with Ctrl-C, or when it is erased",
      "  srp-nbd run ram://512M --listen unix:/tmp/ram.sock\nThe other commands work on it from another "
      "terminal.\n",
      [&commands, arguments] {
        auto order = arguments->order();
        return order ? commands.daemon.run(commands.control_path(), std::move(order->session))
                     : report(order.error());
      });
  arguments->add_to(command);
}

}  // namespace srp_nbd
