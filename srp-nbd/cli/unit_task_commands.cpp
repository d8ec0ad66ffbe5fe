// SPDX-License-Identifier: Apache-2.0
// `abort` and `reset` of one logical unit or of all. The exit code is 1 if any failed.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "cli/commands.hpp"
#include "cli/session_text.hpp"

namespace srp_nbd {
namespace {

struct FunctionArguments {
  std::string name;
  std::optional<std::uint64_t> lun;
  bool as_json = false;
};

template<class AnyOrder>
ExitCode run(const ControlClient& client, const FunctionArguments& arguments) {
  AnyOrder order{arguments.name, {}};
  if (arguments.lun) order.lun = *arguments.lun;
  const auto command = std::string(AnyOrder::kCommand);
  const auto reply = client.ask(order, {std::nullopt, command + " of " + arguments.name});
  if (!reply) return report(reply.error());
  print(arguments.as_json ? boost::json::serialize(reply->json) + "\n"
                          : unit_tasks_text(command, reply->answer));
  return std::ranges::all_of(reply->answer.luns, &UnitTaskResult::ok) ? ExitCode::ok : ExitCode::failed;
}

template<class AnyOrder>
void add(Commands& commands, const std::string& help, const std::string& examples) {
  const auto arguments = std::make_shared<FunctionArguments>();
  auto& command = commands.add(
      std::string(AnyOrder::kCommand), help,
      examples + "One line a unit says what has become of it; the exit code is 1 if any failed.\n",
      [&commands, arguments] { return run<AnyOrder>(commands.client(), *arguments); });
  add_name(command, arguments->name);
  command.add_option("--lun", arguments->lun, "Only this logical unit; all by default")
      ->type_name("N")
      ->check(kWholeNumber);
  command.add_flag("--json", arguments->as_json, "As JSON");
}

}  // namespace

void add_unit_task_commands(Commands& commands) {
  add<AbortOrder>(
      commands, "End a session's outstanding requests with an I/O error",
      "  srp-nbd abort s0\n  srp-nbd abort s0 --lun 2\n"
      "ABORT TASK for each command at the target, LOGICAL UNIT RESET where that is refused, then "
      "the end of the connection. Held requests end, too. What is submitted afterwards goes on.\n");
  add<ResetOrder>(commands, "LOGICAL UNIT RESET for a session's units",
                  "  srp-nbd reset s0 --lun 0\n  srp-nbd reset s0 --json | jq '.luns[] | select(.ok | not)'\n"
                  "The session sends its own requests again, nothing fails. Those of other initiators on the "
                  "unit are aborted as well; a reset clears what it holds for them.\n");
}

}  // namespace srp_nbd
