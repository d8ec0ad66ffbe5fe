// SPDX-License-Identifier: Apache-2.0
// `sync`: reads the list, makes a plan, and carries it out, one target after the other. A target that does
// not answer costs its connect timeout and is an error; the others are not affected.
#include <fmt/format.h>

#include <boost/describe/class.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/commands.hpp"
#include "cli/session_arguments.hpp"
#include "cli/session_text.hpp"
#include "cli/sync_plan.hpp"

namespace srp_nbd {

BOOST_DESCRIBE_STRUCT(ListRemark, (), (line, column, message))

namespace {

struct SyncArguments {
  std::string list_path;                                              // empty or "-": standard input
  SessionArguments session{SessionArguments::Wanted::many_sessions};  // of every new session
  bool is_dry_run = false, as_json = false;
};

// The result of --json.
struct TargetReport {
  std::size_t line = 0;
  std::string target;
  OptionalText session;
  std::string action;
  std::optional<Failure> error;
};
BOOST_DESCRIBE_STRUCT(TargetReport, (), (line, target, session, action, error))
struct Counts {
  std::uint64_t connected = 0, reconnected = 0, unchanged = 0, left_alone = 0, failed = 0;
};
BOOST_DESCRIBE_STRUCT(Counts, (), (connected, reconnected, unchanged, left_alone, failed))
struct SyncReport {
  bool dry_run = false;
  std::vector<TargetReport> targets;
  std::vector<ListRemark> bad_lines, repeated_lines;
  Counts counts;
};
BOOST_DESCRIBE_STRUCT(SyncReport, (), (dry_run, targets, bad_lines, repeated_lines, counts))

Outcome<std::string> read_list(const std::string& path) {
  const bool is_stdin = path.empty() || path == "-";
  const std::unique_ptr<FILE, int (*)(FILE*)> opened(is_stdin ? nullptr : std::fopen(path.c_str(), "re"),
                                                     [](FILE* f) { return f ? std::fclose(f) : 0; });
  FILE* file = is_stdin ? stdin : opened.get();
  std::string text(kMaxTargetListBytes + 1, '\0');  // one byte more than permitted, to detect a longer text
  const auto got = file ? std::fread(text.data(), 1, text.size(), file) : 0;
  if (!file || std::ferror(file))
    return Failure{"failed", fmt::format("{}: cannot be read: {}", is_stdin ? "standard input" : path,
                                         std::strerror(errno))};
  text.resize(got);
  return text;
}

class Sync {
 public:
  Sync(ControlClient client, const SyncArguments& arguments)
      : client_(std::move(client)),
        arguments_(arguments),
        name_(arguments.list_path.empty() ? "-" : arguments.list_path) {}

  ExitCode run() {
    const auto text = read_list(arguments_.list_path);
    if (!text) return report(text.error());
    const auto list = parse_target_list(*text);
    // Check the options first, because a wrong option is an error for every target.
    if (const auto any = arguments_.session.order("ram://1M"); !any) return report(any.error());
    report_.dry_run = arguments_.is_dry_run;
    report_.bad_lines = list.errors;
    report_.repeated_lines = list.repeated;
    for (const auto* remarks : {&list.errors, &list.repeated})
      for (const auto& remark : *remarks) say(remark.line, remark.column, remark.message);

    const auto sessions = client_.ask(ListOrder{});
    if (!sessions) return report(sessions.error());
    for (const auto& step : plan_sync(list, sessions->answer.sessions))
      if (!carry_out(step)) break;
    if (arguments_.as_json)
      print(boost::json::serialize(to_json(report_)) + "\n");
    else
      print_summary(list.targets.size());
    return report_.counts.failed + list.errors.size() > 0 ? ExitCode::failed : ExitCode::ok;
  }

 private:
  void say(std::size_t line, std::size_t column, const std::string& message) const {
    std::fprintf(stderr, "%s:%zu:%zu: %s\n", name_.c_str(), line, column, message.c_str());
  }

  // Returns false if the next steps would fail as well.
  bool carry_out(const SyncStep& step) {
    TargetReport done{step.target->line,
                      step.target->target.to_uri(),
                      text_or_null(step.session),
                      to_string(step.action),
                      {}};
    std::string units;
    auto& count = count_of(step.action);
    const auto words = perform(step, done, units);
    ++(done.error ? report_.counts.failed : count);
    if (done.error)
      say(done.line, 1, words + ": " + done.error->message);
    else if (!arguments_.as_json)
      print(fmt::format("{}  {}  {}\n{}", done.session.value_or("-"), words, done.target, units));
    std::fflush(stdout);
    report_.targets.push_back(done);
    return !done.error || (done.error->code != "no_daemon" && done.error->code != "permission_denied");
  }

  std::uint64_t& count_of(SyncAction action) {
    auto& counts = report_.counts;
    switch (action) {
      case SyncAction::connect: return counts.connected;
      case SyncAction::reconnect: return counts.reconnected;
      case SyncAction::leave_alone: return counts.left_alone;
      case SyncAction::none: break;
    }
    return counts.unchanged;
  }

  // Returns the result in words.
  std::string perform(const SyncStep& step, TargetReport& done, std::string& units) const {
    if (step.action == SyncAction::none) return "unchanged, " + step.state;
    if (step.action == SyncAction::leave_alone)
      return fmt::format("left alone, an administrator disconnected it: `srp-nbd reconnect {}` connects it",
                         step.session);
    if (arguments_.is_dry_run) return "would " + done.action;
    if (step.action == SyncAction::reconnect) {
      const auto reply =
          client_.ask(ReconnectOrder{step.session}, {std::nullopt, "reconnecting " + step.session});
      if (reply) return "reconnected";
      done.error = reply.error();
      return "not reconnected";
    }
    const auto order = arguments_.session.order(done.target);
    const auto reply = order ? client_.ask(*order, patience_for(*order)) : order.error();
    if (!reply) return done.error = reply.error(), "not connected";
    done.session = reply->answer.session.name;
    units = units_text(reply->answer.session, "    ");
    return order->session.wait ? "connected" : "connecting";
  }

  void print_summary(std::size_t targets) const {
    const auto& counts = report_.counts;
    const bool has_changed = counts.connected + counts.reconnected > 0;
    const auto plural = [](std::size_t n) { return n == 1 ? "" : "s"; };
    print(fmt::format(
        "{} target{}: {}{} connected, {} reconnected, {} unchanged, {} left alone, {} failed; {} bad "
        "line{}{}\n",
        targets, plural(targets), arguments_.is_dry_run ? "would be " : "", counts.connected,
        counts.reconnected, counts.unchanged, counts.left_alone, counts.failed, report_.bad_lines.size(),
        plural(report_.bad_lines.size()), has_changed ? "" : "; nothing changed"));
  }

  const ControlClient client_;
  const SyncArguments& arguments_;
  const std::string name_;
  SyncReport report_;
};

}  // namespace

void add_sync_command(Commands& commands) {
  const auto arguments = std::make_shared<SyncArguments>();
  auto& command =
      commands.add("sync", "Connect what a list of targets has and the daemon has not, or has lost",
                   "  ibsrpdm -c | srp-nbd sync\n  srp-nbd sync /etc/srp-targets --dry-run\n"
                   "Live sessions, and those that an administrator disconnected, are left alone; nothing is "
                   "erased. Run twice, it changes nothing.\n",
                   [&commands, arguments] { return Sync(commands.client(), *arguments).run(); });
  command
      .add_option("FILE", arguments->list_path,
                  "One target a line, as `ibsrpdm -c` prints them; - or none: standard input")
      ->check(kNotEmpty);
  command.add_flag("--dry-run", arguments->is_dry_run, "Say what would be done, do nothing");
  command.add_flag("--json", arguments->as_json, "As JSON");
  arguments->session.add_to(command);
}

}  // namespace srp_nbd
