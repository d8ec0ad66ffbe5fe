// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cstdio>

#include "cli/control_client.hpp"
#include "cli/event_text.hpp"
#include "cli/session_text.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;

// Beyond the connect timeout: publishing as many devices as a target may have.
constexpr std::chrono::seconds kPublishTime{120};

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

json::value to_json(const FieldValue& value) {
  struct Convert {
    json::value operator()(bool b) const { return b; }
    json::value operator()(std::int64_t n) const { return n; }
    json::value operator()(const std::string& s) const { return json::value(s); }
    json::value operator()(const std::vector<std::int64_t>& list) const {
      json::array array;
      for (const auto n : list) array.push_back(n);
      return array;
    }
  };
  return std::visit(Convert{}, value);
}

// A field's failure begins with its key, as in a configuration; on the command line it is an option.
Failure as_option(Failure failure, std::string_view key) {
  if (!failure.message.starts_with(std::string(key) + ":")) return failure;
  auto option = key == "target" ? "TARGET" : key == "luns" ? "--lun" : "--" + std::string(key);
  if (option.ends_with("_ms")) option.resize(option.size() - 3);
  std::ranges::replace(option, '_', '-');
  failure.message.replace(0, key.size(), option);
  return failure;
}

// What the session's own timers bound.
ExitCode simple_command(const std::string& control_path, json::object order, std::string doing) {
  if (auto answer = call_daemon({control_path, std::move(order), {}, std::move(doing)}); !answer)
    return report(answer.error());
  return ExitCode::ok;
}

Outcome<json::object> show(const std::string& control_path, const std::string& name) {
  auto answer =
      call_daemon({control_path, {{"command", "show"}, {"name", name}}, std::chrono::seconds(30), {}});
  if (!answer) return answer.error();
  auto* session = answer->if_contains("session");
  if (!session || !session->is_object()) return Failure{"bad_answer", "the daemon's answer shows no session"};
  return std::move(session->get_object());
}

}  // namespace

Outcome<ConnectOrder> connect_order(const SessionFields& fields) {
  ConnectOrder result;
  result.order["command"] = "connect";
  for (const auto& [key, value] : fields) {
    if (auto ok = apply_field(result.request, key, value); !ok) return as_option(ok.error(), key);
    result.order[key] = to_json(value);
  }
  if (auto ok = check_request(result.request); !ok) return ok.error();
  result.deadline = result.request.options.connect_timeout + kPublishTime;
  return result;
}

ExitCode report(const Failure& failure) {
  std::fflush(stdout);
  std::fprintf(stderr, "srp-nbd: %s\n", failure.message.c_str());
  return exit_code_of(failure.code);
}

ExitCode connect_command(const std::string& control_path, const SessionFields& fields, bool as_json) {
  const auto order = connect_order(fields);
  if (!order) return report(order.error());
  const auto* request = &order->request;
  auto answer =
      call_daemon({control_path, order->order, order->deadline, "connecting to " + request->target.to_uri()});
  if (!answer) return report(answer.error());
  const auto* session = answer->if_contains("session");
  if (!session || !session->is_object())
    return report({"bad_answer", "the daemon's answer shows no session"});
  if (as_json) {
    print(json::serialize(*session) + "\n");
  } else if (request->wait) {
    print(units_text(session->get_object()));
  } else {
    print(fmt::format("session {} is connecting\n", std::string_view(session->at("name").as_string())));
  }
  return ExitCode::ok;
}

ExitCode list_command(const std::string& control_path, bool as_json) {
  auto answer = call_daemon({control_path, {{"command", "list"}}, std::chrono::seconds(30), {}});
  if (!answer) return report(answer.error());
  const auto* sessions = answer->if_contains("sessions");
  if (!sessions || !sessions->is_array())
    return report({"bad_answer", "the daemon's answer shows no sessions"});
  print(as_json ? json::serialize(*sessions) + "\n" : list_text(sessions->get_array()));
  return ExitCode::ok;
}

ExitCode show_command(const std::string& control_path, const std::string& name, bool as_json) {
  const auto session = show(control_path, name);
  if (!session) return report(session.error());
  print(as_json ? json::serialize(*session) + "\n" : show_text(*session));
  return ExitCode::ok;
}

ExitCode disconnect_command(const std::string& control_path, const std::string& name) {
  auto answer =
      call_daemon({control_path, {{"command", "disconnect"}, {"name", name}}, {}, "disconnecting " + name});
  if (!answer) return report(answer.error());
  const auto* took = answer->if_contains("disconnect_us");
  print(
      fmt::format("{} disconnected in {:.1f} us; its devices stay, and answer with I/O errors until `srp-nbd "
                  "reconnect {}`\n",
                  name, took && took->is_number() ? took->to_number<double>() : 0.0, name));
  return ExitCode::ok;
}

ExitCode reconnect_command(const std::string& control_path, const std::string& name) {
  const auto code =
      simple_command(control_path, {{"command", "reconnect"}, {"name", name}}, "reconnecting " + name);
  if (code != ExitCode::ok) return code;
  const auto session = show(control_path, name);  // erased since, perhaps
  print(fmt::format("{} is live\n{}", name, session ? away_units_text(*session) : ""));
  return code;
}

ExitCode erase_command(const std::string& control_path, const std::string& name) {
  const auto code = simple_command(control_path, {{"command", "erase"}, {"name", name}}, "erasing " + name);
  if (code == ExitCode::ok) print(fmt::format("{} erased\n", name));
  return code;
}

ExitCode events_command(const std::string& control_path, const std::string& name, bool as_json) {
  json::object order{{"command", "events"}};
  if (!name.empty()) order["name"] = name;
  return report(follow_daemon(
      {control_path, std::move(order), std::chrono::seconds(30), {}}, [&](std::string_view line) {
        boost::system::error_code error;
        const auto event = json::parse({line.data(), line.size()}, error);
        const bool is_readable = !as_json && !error && event.is_object();
        print((is_readable ? event_text(event.get_object()) : std::string(line)) + "\n");
        std::fflush(stdout);  // whoever reads a pipe wants each event when it happens
      }));
}

ExitCode unit_task_command(const std::string& control_path, const UnitTaskArguments& arguments) {
  json::object order{{"command", arguments.command}, {"name", arguments.session}};
  if (arguments.lun) order["lun"] = *arguments.lun;
  auto answer =
      call_daemon({control_path, std::move(order), {}, arguments.command + " of " + arguments.session});
  if (!answer) return report(answer.error());
  const auto* units = answer->if_contains("luns");
  if (!units || !units->is_array())
    return report({"bad_answer", "the daemon's answer shows no logical units"});
  answer->erase("ok");
  print(arguments.as_json ? json::serialize(*answer) + "\n" : unit_tasks_text(arguments.command, *answer));
  return all_units_ok(*answer) ? ExitCode::ok : ExitCode::failed;
}

ExitCode target_command(const std::string& control_path, const std::string& name, bool online) {
  const auto code =
      simple_command(control_path, {{"command", "target"}, {"name", name}, {"online", online}}, {});
  if (code == ExitCode::ok) print(fmt::format("{}: target {}\n", name, online ? "online" : "offline"));
  return code;
}

}  // namespace srp_nbd
