// SPDX-License-Identifier: Apache-2.0
// `sync`: reads the list, plans, and carries the plan out, one target after the other. A target that is away
// costs its connect timeout and an error; the others are done all the same.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/commands.hpp"
#include "cli/control_client.hpp"
#include "cli/json_fields.hpp"
#include "cli/session_text.hpp"
#include "cli/sync_plan.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;

Outcome<std::string> read_list(const std::string& path) {
  const bool is_stdin = path.empty() || path == "-";
  const std::unique_ptr<FILE, int (*)(FILE*)> opened(is_stdin ? nullptr : std::fopen(path.c_str(), "re"),
                                                     [](FILE* f) { return f ? std::fclose(f) : 0; });
  FILE* file = is_stdin ? stdin : opened.get();
  std::string text(kMaxTargetListBytes + 1, '\0');  // one more than permitted, so that more is seen
  const auto got = file ? std::fread(text.data(), 1, text.size(), file) : 0;
  if (!file || std::ferror(file))
    return Failure{"failed", fmt::format("{}: cannot be read: {}", is_stdin ? "standard input" : path,
                                         std::strerror(errno))};
  text.resize(got);
  return text;
}

struct Counts {
  std::uint64_t connected = 0, reconnected = 0, unchanged = 0, left_alone = 0, failed = 0;
};

class Sync {
 public:
  Sync(const std::string& control_path, const SyncArguments& arguments)
      : path_(control_path), arguments_(arguments) {}

  ExitCode run() {
    const auto text = read_list(arguments_.list_path);
    if (!text) return report(text.error());
    list_ = parse_target_list(*text);
    // A wrong option is wrong for all of them: say so before anything is done.
    if (const auto any = order_for("ram://1M"); !any) return report(any.error());
    name_ = arguments_.list_path.empty() || arguments_.list_path == "-" ? "-" : arguments_.list_path;
    for (const auto& remark : list_.errors) remarks(remark);
    for (const auto& remark : list_.repeated) remarks(remark);

    const auto answer = call_daemon({path_, {{"command", "list"}}, std::chrono::seconds(30), {}});
    if (!answer) return report(answer.error());
    for (const auto& step : plan_sync(list_, array_at(*answer, "sessions"))) {
      if (!carry_out(step)) break;
    }
    arguments_.as_json ? print_json() : print_summary();
    return counts_.failed + list_.errors.size() > 0 ? ExitCode::failed : ExitCode::ok;
  }

 private:
  void remarks(const ListRemark& remark) const {
    std::fprintf(stderr, "%s:%zu:%zu: %s\n", name_.c_str(), remark.line, remark.column,
                 remark.message.c_str());
  }

  // False: no sense in going on.
  bool carry_out(const SyncStep& step) {
    Outcome<json::object> answer = json::object{};
    if (!arguments_.is_dry_run && step.action == SyncAction::connect) answer = connect(step);
    if (!arguments_.is_dry_run && step.action == SyncAction::reconnect)
      answer = call_daemon(
          {path_, {{"command", "reconnect"}, {"name", step.session}}, {}, "reconnecting " + step.session});
    note(step, answer);
    return answer || (answer.error().code != "no_daemon" && answer.error().code != "permission_denied");
  }

  Outcome<ConnectOrder> order_for(const std::string& target) const {
    auto fields = arguments_.fields;
    fields.emplace_back("target", target);
    return connect_order(fields);
  }

  Outcome<json::object> connect(const SyncStep& step) const {
    const auto order = order_for(step.target->target.to_uri());
    if (!order) return order.error();
    return call_daemon(
        {path_, order->order, order->deadline, "connecting to " + step.target->target.to_uri()});
  }

  void note(const SyncStep& step, const Outcome<json::object>& answer) {
    const auto uri = step.target->target.to_uri();
    auto name = step.session;
    if (answer && name.empty()) name = text_at(object_at(*answer, "session"), "name");
    std::string words, units;
    auto* count = &counts_.unchanged;
    switch (step.action) {
      case SyncAction::connect:
        words = arguments_.is_dry_run ? "would connect" : answer ? "connected" : "not connected";
        count = &counts_.connected;
        if (answer) units = units_text(object_at(*answer, "session"));
        if (answer && units.empty() && !arguments_.is_dry_run) words = "connecting";  // --no-wait
        break;
      case SyncAction::reconnect:
        words = arguments_.is_dry_run ? "would reconnect" : answer ? "reconnected" : "not reconnected";
        count = &counts_.reconnected;
        break;
      case SyncAction::none:
        words = "unchanged, " + step.state;
        break;
      case SyncAction::leave_alone:
        words = fmt::format(
            "left alone, an administrator disconnected it: `srp-nbd reconnect {}` connects it", name);
        count = &counts_.left_alone;
        break;
    }
    ++(answer ? *count : counts_.failed);
    if (!answer)
      std::fprintf(stderr, "%s:%zu:1: %s: %s\n", name_.c_str(), step.target->line, words.c_str(),
                   answer.error().message.c_str());
    if (arguments_.as_json) {
      json::object target{{"line", step.target->line},
                          {"target", uri},
                          {"session", name.empty() ? json::value(nullptr) : json::value(name)},
                          {"action", to_string(step.action)},
                          {"error", nullptr}};
      if (!answer) target["error"] = {{"code", answer.error().code}, {"message", answer.error().message}};
      targets_.push_back(std::move(target));
    } else if (answer) {
      auto line = fmt::format("{}  {}  {}\n", name.empty() ? "-" : name, words, uri);
      for (std::size_t begin = 0; begin < units.size();) {
        const auto end = units.find('\n', begin);
        line += "    " + units.substr(begin, end - begin) + "\n";
        begin = end + 1;
      }
      std::fputs(line.c_str(), stdout);
      std::fflush(stdout);
    }
  }

  void print_summary() const {
    const bool has_changed = counts_.connected + counts_.reconnected > 0;
    const char* would = arguments_.is_dry_run ? "would be " : "";
    const auto plural = [](std::size_t n) { return n == 1 ? "" : "s"; };
    fmt::print(
        "{} target{}: {}{} connected, {} reconnected, {} unchanged, {} left alone, {} failed; {} bad "
        "line{}{}\n",
        list_.targets.size(), plural(list_.targets.size()), would, counts_.connected, counts_.reconnected,
        counts_.unchanged, counts_.left_alone, counts_.failed, list_.errors.size(),
        plural(list_.errors.size()), has_changed ? "" : "; nothing changed");
  }

  void print_json() const {
    const auto remarks_json = [](const std::vector<ListRemark>& remarks) {
      json::array array;
      for (const auto& r : remarks)
        array.push_back({{"line", r.line}, {"column", r.column}, {"message", r.message}});
      return array;
    };
    const json::object result{{"dry_run", arguments_.is_dry_run},
                              {"targets", targets_},
                              {"bad_lines", remarks_json(list_.errors)},
                              {"repeated_lines", remarks_json(list_.repeated)},
                              {"counts", json::object{{"connected", counts_.connected},
                                                      {"reconnected", counts_.reconnected},
                                                      {"unchanged", counts_.unchanged},
                                                      {"left_alone", counts_.left_alone},
                                                      {"failed", counts_.failed}}}};
    const auto text = json::serialize(result) + "\n";
    std::fwrite(text.data(), 1, text.size(), stdout);
  }

  const std::string& path_;
  const SyncArguments& arguments_;
  std::string name_;
  TargetList list_;
  Counts counts_;
  json::array targets_;
};

}  // namespace

ExitCode sync_command(const std::string& control_path, const SyncArguments& arguments) {
  return Sync(control_path, arguments).run();
}

}  // namespace srp_nbd
