// SPDX-License-Identifier: Apache-2.0
// `sync`: reads the list, makes a plan, and carries it out, one target after the other. A target that does
// not answer costs its connect timeout and is an error; the others are not affected.
#include "cli/sync.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/describe/class.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/command_line.hpp"
#include "cli/session_text.hpp"
#include "srpi/printable.hpp"
#include "srpi/target_lists.hpp"

namespace srp_nbd {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '#' && (i == 0 || kBlanks.find(line[i - 1]) != kBlanks.npos)) return line.substr(0, i);
  return line;
}

SyncAction action_for(const SessionView& session) {
  if (session.state == "recovering") return SyncAction::reconnect;
  if (session.state != "disconnected" && session.state != "disconnecting") return SyncAction::none;
  return session.by == "fault" ? SyncAction::reconnect : SyncAction::leave_alone;
}

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

// By SyncAction.
constexpr std::uint64_t Counts::*kCountOf[] = {&Counts::connected, &Counts::reconnected, &Counts::unchanged,
                                               &Counts::left_alone};

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
  explicit Sync(const Commands& given) : given_(given), client_(given.client()) {}

  ExitCode run() {
    const auto text = read_list(given_.list_path);
    if (!text) return report(text.error());
    const auto list = parse_target_list(*text);
    // Check the options first, because a wrong option is an error for every target.
    if (const auto any = session_order(given_.chosen(), "ram://1M"); !any) return report(any.error());
    report_ = {given_.is_dry_run, {}, list.errors, list.repeated, {}};
    for (const auto* remarks : {&list.errors, &list.repeated})
      for (const auto& remark : *remarks) say(remark);

    const auto sessions = client_.ask(ListOrder());
    if (!sessions) return report(sessions.error());
    for (const auto& step : plan_sync(list, sessions->answer.sessions))
      if (!carry_out(step)) break;
    print(given_.as_json ? boost::json::serialize(to_json(report_)) + "\n" : summary(list.targets.size()));
    return report_.counts.failed + list.errors.size() > 0 ? ExitCode::failed : ExitCode::ok;
  }

 private:
  void say(const ListRemark& remark) const {
    fmt::print(stderr, "{}:{}:{}: {}\n", given_.list_path.empty() ? "-" : given_.list_path, remark.line,
               remark.column, srpi::printable(remark.message));
  }

  // Returns false if the next steps would fail as well.
  bool carry_out(const SyncStep& step) {
    TargetReport done{step.target->line,
                      step.target->target.to_uri(),
                      text_or_null(step.session),
                      boost::describe::enum_to_string(step.action, ""),
                      {}};
    std::string units;
    const auto words = perform(step, done, units);
    const auto& error = done.error;
    ++(error ? report_.counts.failed : report_.counts.*kCountOf[static_cast<std::size_t>(step.action)]);
    if (error)
      say({done.line, 1, words + ": " + error->message});
    else if (!given_.as_json)
      print(fmt::format("{}  {}  {}\n{}", done.session.value_or("-"), words, done.target, units));
    std::fflush(stdout);
    report_.targets.push_back(done);
    return !error || (error->code != "no_daemon" && error->code != "permission_denied");
  }

  // Returns the result in words.
  std::string perform(const SyncStep& step, TargetReport& done, std::string& units) const {
    if (step.action == SyncAction::none) return "unchanged, " + step.state;
    if (step.action == SyncAction::leave_alone)
      return fmt::format("left alone, an administrator disconnected it: `srp-nbd reconnect {}` connects it",
                         step.session);
    if (given_.is_dry_run) return "would " + done.action;
    if (step.action == SyncAction::reconnect) {
      const auto reply =
          client_.ask(ReconnectOrder{step.session}, {std::nullopt, "reconnecting " + step.session});
      if (reply) return "reconnected";
      done.error = reply.error();
      return "not reconnected";
    }
    const auto order = session_order(given_.chosen(), done.target);
    const auto reply = order ? client_.ask(*order, patience_for(*order)) : order.error();
    if (!reply) return done.error = reply.error(), "not connected";
    done.session = reply->answer.session.name;
    units = units_text(reply->answer.session, "    ");
    return order->session.wait ? "connected" : "connecting";
  }

  [[nodiscard]] std::string summary(std::size_t targets) const {
    const auto& counts = report_.counts;
    const auto bad_lines = report_.bad_lines.size();
    const auto plural = [](std::size_t n) { return n == 1 ? "" : "s"; };
    return fmt::format(
        "{} target{}: {}{} connected, {} reconnected, {} unchanged, {} left alone, {} failed; {} bad "
        "line{}{}\n",
        targets, plural(targets), given_.is_dry_run ? "would be " : "", counts.connected, counts.reconnected,
        counts.unchanged, counts.left_alone, counts.failed, bad_lines, plural(bad_lines),
        counts.connected + counts.reconnected > 0 ? "" : "; nothing changed");
  }

  const Commands& given_;
  const ControlClient client_;
  SyncReport report_;
};

}  // namespace

TargetList parse_target_list(std::string_view text) {
  TargetList list;
  if (text.size() > kMaxTargetListBytes) {
    list.errors.push_back({1, 1, fmt::format("more than {} bytes", kMaxTargetListBytes)});
    return list;
  }
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = without_comment(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));

    const auto first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) continue;
    const auto column = first + 1;
    auto target = srpi::parse_target(line);
    if (!target) {
      const auto& error = target.error();
      list.errors.push_back({number, srpi::error_position(error, line).value_or(column), error.message()});
      continue;
    }
    const auto same = std::ranges::find_if(list.targets, [&](const ListedTarget& listed) {
      return srpi::is_same_target(listed.target.address, target->address);
    });
    if (same != list.targets.end()) {
      list.repeated.push_back(
          {number, column, fmt::format("the same target as in line {}: it counts once", same->line)});
    } else if (list.targets.size() == kMaxListedTargets) {
      list.errors.push_back(
          {number, column,
           fmt::format("more than {} targets: this line and the rest are not read", kMaxListedTargets)});
      break;
    } else {
      list.targets.push_back({number, std::move(*target)});
    }
  }
  return list;
}

std::vector<SyncStep> plan_sync(const TargetList& list, const std::vector<SessionView>& sessions) {
  std::vector<SyncStep> steps;
  for (const auto& target : list.targets) {
    bool is_known = false;
    for (const auto& session : sessions) {
      const auto known = srpi::parse_target(session.target);
      if (!known || !srpi::is_same_target(known->address, target.target.address)) continue;
      is_known = true;
      steps.push_back({&target, action_for(session), session.name, session.state});
    }
    if (!is_known) steps.push_back({&target, SyncAction::connect, {}, {}});
  }
  return steps;
}

void add_sync_command(Commands& to) {
  auto& command =
      to.add("sync", "Connect what a list of targets has and the daemon has not, or has lost",
             "  ibsrpdm -c | srp-nbd sync\n  srp-nbd sync /etc/srp-targets --dry-run\n"
             "Live sessions, and those that an administrator disconnected, are left alone; nothing is "
             "erased. Run twice, it changes nothing.\n",
             [](const Commands& given) { return Sync(given).run(); });
  command
      .add_option("FILE", to.list_path,
                  "One target a line, as `ibsrpdm -c` prints them; - or none: standard input")
      ->check(kNotEmpty);
  command.add_flag("--dry-run", to.is_dry_run, "Say what would be done, do nothing");
  command.add_flag("--json", to.as_json, "As JSON");
  add_session_arguments(command, SessionUse::sync);
}

}  // namespace srp_nbd
