// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <new>

#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

ManagedSession::Done simple_answer(Registry::Answer answer) {
  return [answer = std::move(answer)](const Outcome<>& outcome) { answer(answer_json(outcome)); };
}

Failure no_such_session(const std::string& name) {
  return {"no_such_session",
          fmt::format("there is no session \"{}\": `srp-nbd list` shows those there are", name)};
}

void run_task(ManagedSession& session, const std::string& name, UnitTask task,
              std::optional<std::uint64_t> lun, Registry::Answer answer) {
  spdlog::info("{}: {} of {} on request", name, to_string(task),
               lun ? fmt::format("lun {}", *lun) : "all logical units");
  session.run_unit_task(
      task, lun, [name, task, answer = std::move(answer)](const Outcome<UnitTaskReport>& report) {
        answer(report ? answer_json(make_answer(task, name, *report)) : answer_json(report.error()));
      });
}

}  // namespace

Registry::Registry(boost::asio::any_io_executor executor)
    : executor_(executor), devices_(std::move(executor)), events_([this] { return present_states(); }) {}

void Registry::handle(Order order, Answer answer) {
  std::visit(
      [&](auto& each) {
        using Each = std::decay_t<decltype(each)>;
        if constexpr (std::is_same_v<Each, ListOrder>)
          list(answer);
        else if constexpr (std::is_same_v<Each, ConnectOrder>)
          connect(std::move(each.session), std::move(answer));
        else if constexpr (!std::is_same_v<Each, EventsOrder>)  // those are followed
          on_session(each, std::move(answer));
      },
      order);
}

template<class SessionOrder>
void Registry::on_session(const SessionOrder& order, Answer answer) {
  const auto found = sessions_.find(order.name);
  if (found == sessions_.end()) return answer(answer_json(no_such_session(order.name)));
  const auto session = found->second;
  if (session->is_erasing() && !std::is_same_v<SessionOrder, EraseOrder>)
    return answer(answer_json(
        Failure{"no_such_session", fmt::format("the session \"{}\" is being erased", order.name)}));
  carry_out(order, *session, std::move(answer));
}

void Registry::list(const Answer& answer) {
  struct Gathering {
    std::map<std::string, SessionView> views;
    std::size_t missing = 0;
  };
  const auto gathering = std::make_shared<Gathering>();
  const auto finish = [gathering, answer] {
    ListAnswer list;
    for (auto& [name, view] : gathering->views) list.sessions.push_back(std::move(view));
    answer(answer_json(list));
  };
  gathering->missing = sessions_.size() + 1;
  const auto one_less = [gathering, finish] {
    if (--gathering->missing == 0) finish();
  };
  for (const auto& [name, session] : sessions_)
    session->view([gathering, one_less, key = name](const SessionView& view) {
      gathering->views[key] = view;
      one_less();
    });
  one_less();
}

void Registry::carry_out(const ShowOrder&, ManagedSession& session, Answer answer) {
  session.view(
      [answer = std::move(answer)](const SessionView& view) { answer(answer_json(SessionAnswer{view})); });
}

void Registry::carry_out(const DisconnectOrder&, ManagedSession& session, Answer answer) {
  session.disconnect([answer = std::move(answer)](const Outcome<std::chrono::nanoseconds>& took) {
    answer(took ? answer_json(DisconnectAnswer{static_cast<double>(took->count()) / 1000.0})
                : answer_json(took.error()));
  });
}

void Registry::carry_out(const ReconnectOrder&, ManagedSession& session, Answer answer) {
  session.reconnect(simple_answer(std::move(answer)));
}

void Registry::carry_out(const TargetOrder& order, ManagedSession& session, Answer answer) {
  session.set_ram_target_online(order.online, simple_answer(std::move(answer)));
}

void Registry::carry_out(const AbortOrder& order, ManagedSession& session, Answer answer) {
  run_task(session, order.name, UnitTask::abort, order.lun, std::move(answer));
}

void Registry::carry_out(const ResetOrder& order, ManagedSession& session, Answer answer) {
  run_task(session, order.name, UnitTask::reset, order.lun, std::move(answer));
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
  if (auto ok = fill_in_name(request); !ok) return answer(answer_json(ok.error()));
  if (auto is_free = check_free(request); !is_free) return answer(answer_json(is_free.error()));

  const auto name = request.name;
  const bool waits = request.wait;
  spdlog::info("{}: connecting to {}", name, request.target.to_uri());
  const auto session = std::make_shared<ManagedSession>(executor_, devices_, events_, std::move(request),
                                                        [this, name] { forget(name); });
  sessions_.emplace(name, session);
  events_.report([&] {
    Event added(events_.now(), name, EventKind::added);
    added.to = srpi::to_string(srpi::SessionState::connecting);
    return added;
  });
  const auto started = [this, name, waits, weak = std::weak_ptr(session),
                        answer = std::move(answer)](const Outcome<>& outcome) {
    if (!outcome) {
      spdlog::warn("{}: gone: {}", name, outcome.error().message);
      // An erase that came in between takes it away itself.
      if (outcome.error().code != "no_such_session") insist([&] { forget(name, outcome.error()); });
      return answer(answer_json(outcome.error()));
    }
    if (waits) return on_session(ShowOrder{name}, answer);
    answer(answer_json(ConnectingAnswer{{name, "connecting"}}));
  };
  try {
    session->start(started);
  } catch (const std::bad_alloc&) {
    forget(name, Failure::no_memory());
    throw;
  }
}

void Registry::carry_out(const EraseOrder& order, ManagedSession& session, Answer answer) {
  session.erase([this, name = order.name, answer = std::move(answer)](const Outcome<>& outcome) {
    forget(name);
    answer(answer_json(outcome));
  });
}

void Registry::forget(const std::string& name, std::optional<Failure> why) {
  if (sessions_.erase(name) == 0) return;
  spdlog::info("{}: erased", name);
  events_.report([&] {
    Event erased(events_.now(), name, EventKind::erased);
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
