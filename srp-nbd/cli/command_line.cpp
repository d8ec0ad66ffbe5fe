// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "daemon/paths.hpp"

namespace srp_nbd {
namespace {

constexpr const char* kTargetHelp =
    "srp://HOST:PORT/?id_ext=HEX&ioc_guid=HEX, the login string id_ext=…,ioc_guid=…,dest=HOST:PORT, or "
    "ram://SIZE for "
    "the built-in target";
constexpr const char* kConnectExamples = R"(Examples:
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2'
      Publishes every logical unit of the target as /dev/nbdN.
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2' --name store --lun 0 --device /dev/nbd3
  srp-nbd connect 'srp://192.168.7.2:5555/?id_ext=1&ioc_guid=2' --initiator-port-id … --fence-first-login
      Takes over from a session with this port id that died with writes on their way.
  srp-nbd connect ram://512M --listen unix:/tmp/ram.sock
      No RDMA, no root: any NBD client opens nbd+unix:///lun0?socket=/tmp/ram.sock
)";
constexpr const char* kExitCodes = R"(Exit codes:
  0 done   1 failed   2 wrong usage or configuration   3 no daemon runs   4 no such session   5 no permission
)";

// An unset variable of a script must not mean something else than what was written.
const CLI::Validator kNotEmpty(
    [](std::string& text) { return text.empty() ? "expected a value, got an empty text" : ""; }, "");
const CLI::Validator kWholeNumber(
    [](std::string& text) {
      const bool is_one = !text.empty() && text.size() <= 18 &&
                          std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
      return is_one ? std::string() : "expected a whole number, got \"" + text.substr(0, 64) + "\"";
    },
    "");

// The options that make a session, the same for `connect` and `run`.
class SessionArguments {
 public:
  void add_to(CLI::App& app) {
    add(app, "TARGET", "target", kTargetHelp)->required();
    add(app, "--name", "name", "Name of the session; s0, s1, … by default");
    add(app, "--device", "device",
        "Kernel device to use, for a single logical unit; the first free one by default")
        ->type_name("/dev/nbdN");
    add_for_many_to(app);
  }

  // Those that can be the same for many sessions.
  void add_for_many_to(CLI::App& app) {
    app.add_option("--lun", luns_, "Publish this logical unit (may be repeated); all by default")
        ->type_name("N")
        ->allow_extra_args(false)  // a TARGET may follow
        ->check(kWholeNumber);
    add(app, "--listen", "listen",
        "Serve NBD on this Unix socket instead of a kernel device; {name} in it is the session's name")
        ->type_name("unix:PATH");
    add(app, "--initiator-ext", "initiator_ext", "Identifier extension, the first half of our port id")
        ->type_name("HEX");
    add(app, "--initiator-port-id", "initiator_port_id", "Our whole port id, as an access list names it")
        ->type_name("32HEX");
    add(app, "--channels", "channels", "RDMA channels, at most (1)")->type_name("N");
    add(app, "--queue-depth", "queue_depth", "Commands at the target at a time over each channel (128)")
        ->type_name("N");
    add(app, "--connect-timeout", "connect_timeout_ms", "One attempt to log in, probing included (5000)")
        ->type_name("MS");
    add(app, "--command-timeout", "command_timeout_ms", "One command at the target (10000)")->type_name("MS");
    add(app, "--task-management-timeout", "task_management_timeout_ms",
        "Each step to end a command that is not answered in time: abort it, reset its unit (2000)")
        ->type_name("MS");
    add(app, "--reconnect-delay", "reconnect_delay_ms", "Longest pause between automatic attempts (10000)")
        ->type_name("MS|off");
    add(app, "--fast-io-fail", "fast_io_fail_ms", "After an accident, hold I/O this long before it fails (0)")
        ->type_name("MS");
    add(app, "--dev-loss", "dev_loss_ms", "After an accident, erase the session after this long (off)")
        ->type_name("MS|off");
    add(app, "--keepalive", "keepalive_ms", "Idle this long: ask whether the target is there (5000)")
        ->type_name("MS|off");
    add(app, "--retry-count", "retry_count",
        "How often the transport tries again before the target counts as silent, 0 to 6 (6)")
        ->type_name("N");
    add(app, "--ack-timeout-exponent", "ack_timeout_exponent",
        "How long it waits each time, 4.096 us * 2^N, 1 to 31 (14: 67 ms)")
        ->type_name("N");
    app.add_flag("--no-fence", no_fence_,
                 "After a lost connection do not reset the units with unanswered writes: what a target "
                 "that is slow to notice still does may then overwrite newer data");
    app.add_flag("--fence-first-login", fence_first_login_,
                 "Reset every unit before the first I/O, too: for a session in the place of one that died");
  }

  [[nodiscard]] SessionFields fields() const {
    SessionFields result;
    for (const auto& [key, text] : texts_)
      if (!text.empty()) result.emplace_back(key, text);
    if (!luns_.empty()) result.emplace_back("luns", luns_);
    if (no_fence_) result.emplace_back("fence", false);
    if (fence_first_login_) result.emplace_back("fence_first_login", true);
    return result;
  }

 private:
  CLI::Option* add(CLI::App& app, const std::string& flag, const std::string& key, const std::string& help) {
    return app.add_option(flag, texts_[key], help)->check(kNotEmpty);
  }

  std::map<std::string, std::string> texts_;  // by field; references into it stay good
  std::vector<std::int64_t> luns_;
  bool no_fence_ = false, fence_first_login_ = false;
};

struct Arguments {
  std::string control_path;
  DaemonArguments daemon;
  SyncArguments sync;
  UnitTaskArguments unit_task;
  SessionArguments run, connect, sync_fields;
  bool no_wait = false, as_json = false;
  std::string name;
};

void add_control(CLI::App& app, Arguments& arguments) {
  app.add_option("--control", arguments.control_path,
                 "The daemon's control socket (" + default_control_path() + ")")
      ->type_name("PATH")
      ->check(kNotEmpty);
}

CLI::App* add_named(CLI::App& app, Arguments& arguments, const std::string& command, const std::string& help,
                    const std::string& examples) {
  auto* sub = app.add_subcommand(command, help);
  sub->add_option("NAME", arguments.name, "The session's name, as list shows it")->required();
  add_control(*sub, arguments);
  sub->footer("Examples:\n" + examples + kExitCodes);
  return sub;
}

CLI::App* add_unit_task(CLI::App& app, Arguments& arguments, const std::string& command,
                        const std::string& help, const std::string& examples) {
  auto* sub =
      add_named(app, arguments, command, help,
                examples + "One line a unit says what has become of it; the exit code is 1 if any failed.\n");
  sub->add_option("--lun", arguments.unit_task.lun, "Only this logical unit; all by default")
      ->type_name("N")
      ->check(kWholeNumber);
  sub->add_flag("--json", arguments.as_json, "As JSON");
  return sub;
}

int wrong_command(const CLI::App& app, const std::string& word) {
  std::string known;
  for (const auto* command : app.get_subcommands({}))
    known += (known.empty() ? "" : ", ") + command->get_name();
  std::fprintf(stderr, "srp-nbd: %s: expected one of %s; `srp-nbd --help` explains them\n",
               word.empty() ? "no command given" : ("unknown command \"" + word + "\"").c_str(),
               known.c_str());
  return static_cast<int>(ExitCode::usage);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app{"Logical units of SRP targets as block devices that outlive their target"};
  app.name("srp-nbd");
  app.require_subcommand(0, 1);  // what is missing or wrong is told below
  app.set_version_flag("--version", "srp-nbd " SRPI_VERSION);
  app.footer(std::string("`srp-nbd COMMAND --help` explains a command, with examples.\n") + kExitCodes);
  Arguments arguments;
  add_control(app, arguments);  // before the command as well as behind it

  auto* daemon = app.add_subcommand("daemon", "Start the daemon that the other commands talk to");
  daemon->add_option("--config", arguments.daemon.config_path, "Configuration file (TOML)")
      ->type_name("FILE")
      ->check(kNotEmpty);
  daemon->add_flag("--foreground", arguments.daemon.foreground, "Stay in the foreground, log to stderr");
  add_control(*daemon, arguments);
  daemon->footer(
      std::string("Examples:\n  srp-nbd daemon --config /etc/srp-nbd.toml\n  srp-nbd daemon --foreground "
                  "--control /tmp/srp.sock\nSIGTERM, SIGINT or SIGHUP end it: devices disconnected, sessions "
                  "erased.\n") +
      kExitCodes);

  auto* run =
      app.add_subcommand("run", "One session in the foreground; it ends with Ctrl-C, or when it is erased");
  arguments.run.add_to(*run);
  add_control(*run, arguments);
  run->footer(
      std::string(
          "Examples:\n  srp-nbd run ram://512M --listen unix:/tmp/ram.sock\nThe other commands work on "
          "it from another terminal.\n") +
      kExitCodes);

  auto* connect = app.add_subcommand("connect", "Log in to a target and publish its logical units");
  arguments.connect.add_to(*connect);
  connect->add_flag("--no-wait", arguments.no_wait,
                    "Return at once, and keep trying until the target answers");
  connect->add_flag("--json", arguments.as_json, "Print the session as JSON");
  add_control(*connect, arguments);
  connect->footer(std::string(kConnectExamples) + kExitCodes);

  auto* list = app.add_subcommand("list", "All sessions and their devices");
  list->add_flag("--json", arguments.as_json, "As JSON");
  add_control(*list, arguments);
  list->footer(
      std::string(
          "Examples:\n  srp-nbd list\n  srp-nbd list --json | jq -r '.[] | .name + \" \" + .state'\n") +
      kExitCodes);

  auto* show = add_named(app, arguments, "show", "Everything about a session",
                         "  srp-nbd show s0\n  srp-nbd show s0 --json\n");
  show->add_flag("--json", arguments.as_json, "As JSON");
  auto* disconnect = add_named(app, arguments, "disconnect",
                               "End a session's connection: I/O fails at once, its devices stay",
                               "  srp-nbd disconnect s0\nPermanent until `srp-nbd reconnect`.\n");
  auto* reconnect =
      add_named(app, arguments, "reconnect", "Connect a session again: the same devices work again",
                "  srp-nbd reconnect s0\n");
  auto* erase =
      add_named(app, arguments, "erase", "Remove a session and its devices", "  srp-nbd erase s0\n");

  auto* abort = add_unit_task(
      app, arguments, "abort", "End a session's outstanding requests with an I/O error",
      "  srp-nbd abort s0\n  srp-nbd abort s0 --lun 2\n"
      "ABORT TASK for each command at the target, LOGICAL UNIT RESET where that is refused, then "
      "the end of the connection. Held requests end, too. What is submitted afterwards goes on.\n");
  auto* reset = add_unit_task(
      app, arguments, "reset", "LOGICAL UNIT RESET for a session's units",
      "  srp-nbd reset s0 --lun 0\n  srp-nbd reset s0 --json | jq '.luns[] | select(.ok | not)'\n"
      "The session sends its own requests again, nothing fails. Those of other initiators on the "
      "unit are aborted as well; a reset clears what it holds for them.\n");

  auto* sync =
      app.add_subcommand("sync", "Connect what a list of targets has and the daemon has not, or has lost");
  sync->add_option("FILE", arguments.sync.list_path,
                   "One target a line, as `ibsrpdm -c` prints them; - or none: standard input")
      ->check(kNotEmpty);
  sync->add_flag("--dry-run", arguments.sync.is_dry_run, "Say what would be done, do nothing");
  sync->add_flag("--json", arguments.sync.as_json, "As JSON");
  arguments.sync_fields.add_for_many_to(*sync);
  sync->add_flag("--no-wait", arguments.no_wait, "Do not wait for new sessions, which then keep trying");
  add_control(*sync, arguments);
  sync->footer(
      std::string("Examples:\n  ibsrpdm -c | srp-nbd sync\n  srp-nbd sync /etc/srp-targets --dry-run\n"
                  "Live sessions, and those that an administrator disconnected, are left alone; nothing is "
                  "erased. Run twice, it changes nothing.\n") +
      kExitCodes);

  auto* events =
      app.add_subcommand("events", "Follow what happens to all sessions, or to one, until interrupted");
  events->add_option("NAME", arguments.name, "Only this session")->check(kNotEmpty);
  events->add_flag("--json", arguments.as_json, "One JSON object a line");
  add_control(*events, arguments);
  events->footer(
      std::string(
          "Examples:\n  srp-nbd events\n  srp-nbd events --json | jq -c 'select(.to == \"disconnected\")'\n"
          "It begins with the present state of each session, so nothing is missed in between.\n") +
      kExitCodes);

  auto* target =
      app.add_subcommand("target", "Rehearse an outage: switch a ram:// session's target off and on");
  target->require_subcommand(1);
  auto* offline =
      add_named(*target, arguments, "offline", "The target goes away", "  srp-nbd target offline s0\n");
  auto* online =
      add_named(*target, arguments, "online", "The target comes back", "  srp-nbd target online s0\n");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& error) {
    if (app.get_subcommands().empty()) return wrong_command(app, app.remaining().front());
    return app.exit(error), static_cast<int>(ExitCode::usage);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  if (app.get_subcommands().empty()) return wrong_command(app, {});

  const auto path = arguments.control_path.empty() ? default_control_path() : arguments.control_path;
  const auto& name = arguments.name;
  const auto run_chosen = [&] {
    if (*daemon) {
      arguments.daemon.control_path = arguments.control_path;
      return run_daemon_command(arguments.daemon);
    }
    if (*run) return run_session_command(path, arguments.run.fields());
    if (*connect) {
      auto fields = arguments.connect.fields();
      if (arguments.no_wait) fields.emplace_back("wait", false);
      return connect_command(path, fields, arguments.as_json);
    }
    if (*list) return list_command(path, arguments.as_json);
    if (*show) return show_command(path, name, arguments.as_json);
    if (*disconnect) return disconnect_command(path, name);
    if (*reconnect) return reconnect_command(path, name);
    if (*erase) return erase_command(path, name);
    if (*abort || *reset) {
      arguments.unit_task.command = *abort ? "abort" : "reset";
      arguments.unit_task.session = name;
      arguments.unit_task.as_json = arguments.as_json;
      return unit_task_command(path, arguments.unit_task);
    }
    if (*sync) {
      arguments.sync.fields = arguments.sync_fields.fields();
      if (arguments.no_wait) arguments.sync.fields.emplace_back("wait", false);
      return sync_command(path, arguments.sync);
    }
    if (*events) return events_command(path, name, arguments.as_json);
    return target_command(path, name, static_cast<bool>(*online) && !static_cast<bool>(*offline));
  };
  const auto code = run_chosen();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return static_cast<int>(code);
  std::perror("srp-nbd: writing to standard output");
  return static_cast<int>(code == ExitCode::ok ? ExitCode::failed : code);
}

}  // namespace srp_nbd
