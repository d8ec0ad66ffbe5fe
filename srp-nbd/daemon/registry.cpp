// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/json/array.hpp>
#include <new>

#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;
using Command = ControlRequest::Command;

ManagedSession::Done simple_answer(Registry::Answer answer) {
  return [answer = std::move(answer)](const Outcome<>& outcome) {
    answer(outcome ? json::object{{"ok", true}} : to_json(outcome.error()));
  };
}

Failure no_such_session(const std::string& name) {
  return {"no_such_session",
          fmt::format("there is no session \"{}\": `srp-nbd list` shows those there are", name)};
}

}  // namespace

Registry::Registry(boost::asio::any_io_executor executor)
    : executor_(executor), devices_(std::move(executor)), events_([this] { return present_states(); }) {}

void Registry::handle(ControlRequest request, Answer answer) {
  if (request.command == Command::list) return list(answer);
  if (request.command == Command::connect) return connect(std::move(request.session), std::move(answer));

  const auto found = sessions_.find(request.name);
  if (found == sessions_.end()) return answer(to_json(no_such_session(request.name)));
  const auto session = found->second;
  if (session->is_erasing() && request.command != Command::erase)
    return answer(
        to_json(Failure{"no_such_session", fmt::format("the session \"{}\" is being erased", request.name)}));

  switch (request.command) {
    case Command::show:
      return show(request.name, std::move(answer));
    case Command::erase:
      return erase(request.name, std::move(answer));
    case Command::disconnect:
      return session->disconnect([answer = std::move(answer)](const Outcome<std::chrono::nanoseconds>& took) {
        if (!took) return answer(to_json(took.error()));
        answer({{"ok", true}, {"disconnect_us", static_cast<double>(took->count()) / 1000.0}});
      });
    case Command::reconnect:
      return session->reconnect(simple_answer(std::move(answer)));
    case Command::target:
      return session->set_ram_target_online(request.online, simple_answer(std::move(answer)));
    case Command::abort:
      return run_task(request, UnitTask::abort, std::move(answer));
    case Command::reset:
      return run_task(request, UnitTask::reset, std::move(answer));
    default:
      return answer(to_json(Failure{"bad_request", "unknown command"}));
  }
}

void Registry::list(const Answer& answer) {
  struct Gathering {
    std::map<std::string, json::object> views;
    std::size_t missing = 0;
  };
  const auto gathering = std::make_shared<Gathering>();
  const auto finish = [gathering, answer] {
    json::array sessions;
    for (auto& [name, view] : gathering->views) sessions.push_back(std::move(view));
    answer({{"ok", true}, {"sessions", std::move(sessions)}});
  };
  gathering->missing = sessions_.size() + 1;
  const auto one_less = [gathering, finish] {
    if (--gathering->missing == 0) finish();
  };
  for (const auto& [name, session] : sessions_)
    session->view([gathering, one_less, key = name](const SessionView& view) {
      gathering->views[key] = to_json(view);
      one_less();
    });
  one_less();
}

void Registry::show(const std::string& name, Answer answer) {
  sessions_.at(name)->view([answer = std::move(answer)](const SessionView& view) {
    answer({{"ok", true}, {"session", to_json(view)}});
  });
}

void Registry::run_task(const ControlRequest& request, UnitTask task, Answer answer) {
  spdlog::info("{}: {} of {} on request", request.name, to_string(task),
               request.lun ? fmt::format("lun {}", *request.lun) : "all logical units");
  sessions_.at(request.name)
      ->run_unit_task(
          task, request.lun,
          [name = request.name, task, answer = std::move(answer)](const Outcome<UnitTaskReport>& report) {
            if (!report) return answer(to_json(report.error()));
            auto object = to_json(task, name, *report);
            object["ok"] = true;
            answer(std::move(object));
          });
}

Outcome<std::shared_ptr<EventFollower>> Registry::follow(const std::string& name) {
  if (!name.empty() && !sessions_.contains(name)) return no_such_session(name);
  return events_.follow(name);
}

std::vector<Event> Registry::present_states() const {
  std::vector<Event> events;
  for (const auto& [name, session] : sessions_) events.push_back(session->present_state());
  return events;
}

std::string Registry::derive_name() const {
  for (std::size_t n = 0;; ++n)
    if (auto name = fmt::format("s{}", n); !sessions_.contains(name)) return name;
}

Outcome<> Registry::check_free(const SessionRequest& request) const {
  if (is_stopping_) return Failure{"cancelled", "the daemon is stopping"};
  if (sessions_.size() >= kMaxSessions)
    return Failure{"busy", fmt::format("there are {} sessions already", kMaxSessions)};
  if (sessions_.contains(request.name))
    return Failure{"already_exists", fmt::format("the name \"{0}\" is taken: choose another with --name, or "
                                                 "`srp-nbd reconnect {0}`",
                                                 request.name)};
  for (const auto& [name, session] : sessions_) {
    const auto& other = session->request();
    if (!request.listen_path.empty() && other.listen_path == request.listen_path)
      return Failure{"already_exists",
                     fmt::format("{} is in use by the session \"{}\"", request.listen_path, name)};
    if (!request.device_index) continue;
    if (session->has_device(*request.device_index))
      return Failure{"busy",
                     fmt::format("/dev/nbd{} is in use by the session \"{}\"", *request.device_index, name)};
  }
  return {};
}

void Registry::connect(SessionRequest request, Answer answer) {
  if (request.name.empty()) request.name = derive_name();
  if (auto ok = fill_in_name(request); !ok) return answer(to_json(ok.error()));
  if (auto is_free = check_free(request); !is_free) return answer(to_json(is_free.error()));

  const auto name = request.name;
  const bool waits = request.wait;
  spdlog::info("{}: connecting to {}", name, request.target.to_uri());
  const auto session = std::make_shared<ManagedSession>(executor_, devices_, events_, std::move(request),
                                                        [this, name] { forget(name); });
  sessions_.emplace(name, session);
  events_.report([&] {
    Event added;
    added.time = events_.now();
    added.session = name;
    added.kind = EventKind::added;
    added.to = srpi::SessionState::connecting;
    return added;
  });
  const auto started = [this, name, waits, weak = std::weak_ptr(session),
                        answer = std::move(answer)](const Outcome<>& outcome) {
    if (!outcome) {
      spdlog::warn("{}: gone: {}", name, outcome.error().message);
      // An erase that came in between takes it away itself.
      if (outcome.error().code != "no_such_session") insist([&] { forget(name, outcome.error()); });
      return answer(to_json(outcome.error()));
    }
    if (waits) return show(name, answer);
    answer({{"ok", true}, {"session", json::object{{"name", name}, {"state", "connecting"}}}});
  };
  try {
    session->start(started);
  } catch (const std::bad_alloc&) {
    forget(name, Failure::no_memory());
    throw;
  }
}

void Registry::erase(const std::string& name, Answer answer) {
  const auto session = sessions_.at(name);
  session->erase([this, name, answer = std::move(answer)](const Outcome<>& outcome) {
    forget(name);
    answer(outcome ? json::object{{"ok", true}} : to_json(outcome.error()));
  });
}

void Registry::forget(const std::string& name, std::optional<Failure> why) {
  if (sessions_.erase(name) == 0) return;
  spdlog::info("{}: erased", name);
  events_.report([&] {
    Event erased;
    erased.time = events_.now();
    erased.session = name;
    erased.kind = EventKind::erased;
    erased.cause = why;
    return erased;
  });
  if (on_session_gone_) on_session_gone_();
}

void Registry::erase_all(std::function<void()> done) {
  is_stopping_ = true;
  const auto missing = std::make_shared<std::size_t>(sessions_.size() + 1);
  const auto one_less = [missing, done = std::move(done)] {
    if (--*missing == 0) done();
  };
  const auto all = sessions_;
  for (const auto& [name, session] : all)
    session->erase([this, key = name, one_less](const Outcome<>&) {
      forget(key);
      one_less();
    });
  one_less();
}

}  // namespace srp_nbd
