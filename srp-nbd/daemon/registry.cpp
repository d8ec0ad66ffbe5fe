// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "daemon/io_flusher.hpp"
#include "export/nbd_devices.hpp"
#include "export/nbd_socket.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::awaitable;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kViewDeadline{1};

Failure no_such_session(const std::string& name) {
  return {"no_such_session",
          fmt::format("there is no session \"{}\": `srp-nbd list` shows those there are", name)};
}

}  // namespace

Registry::Registry(asio::any_io_executor executor)
    : executor_(executor), devices_(std::move(executor)), events_([this] { return present_states(); }) {}

awaitable<json::object> Registry::handle(Order order) {
  return std::visit([this](auto& each) { return carry_out(std::move(each)); }, order);
}

template<class SessionOrder>
awaitable<json::object> Registry::carry_out(SessionOrder order) {
  const auto found = sessions_.find(order.name);
  if (found == sessions_.end()) co_return answer_json(no_such_session(order.name));
  auto session = found->second;
  if (session->is_erasing() && !std::is_same_v<SessionOrder, EraseOrder>)
    co_return answer_json(
        Failure{"no_such_session", fmt::format("the session \"{}\" is being erased", order.name)});
  co_return co_await on_session(std::move(order), std::move(session));
}

awaitable<json::object> Registry::carry_out(EventsOrder) {
  co_return answer_json(Failure{"bad_request", "events are followed"});
}

// Ask all sessions first, then wait for the answers.
awaitable<json::object> Registry::carry_out(ListOrder) {
  struct Asked {
    SessionPtr session;
    ManagedSession::AskedStatus status;
  };
  const auto deadline = Clock::now() + kViewDeadline;
  std::vector<Asked> all;
  for (const auto& [name, session] : sessions_) all.push_back({session, session->ask_status()});
  ListAnswer answer;
  for (const auto& asked : all) {
    auto view = co_await asked.session->view(asked.status, deadline);
    answer.sessions.push_back(std::move(view));
  }
  co_return answer_json(answer);
}

awaitable<json::object> Registry::on_session(ShowOrder, SessionPtr session) {
  return show(std::move(session));
}

awaitable<json::object> Registry::show(SessionPtr session) {
  SessionAnswer answer;
  answer.session = co_await session->view(session->ask_status(), Clock::now() + kViewDeadline);
  co_return answer_json(answer);
}

awaitable<json::object> Registry::on_session(DisconnectOrder, SessionPtr session) {
  const auto took = co_await session->disconnect();
  if (!took) co_return answer_json(took.error());
  co_return answer_json(DisconnectAnswer{static_cast<double>(took->count()) / 1000.0});
}

awaitable<json::object> Registry::on_session(ReconnectOrder, SessionPtr session) {
  const auto outcome = co_await session->reconnect();
  co_return answer_json(outcome);
}

awaitable<json::object> Registry::on_session(TargetOrder order, SessionPtr session) {
  const auto outcome = co_await session->set_ram_target_online(order.online);
  co_return answer_json(outcome);
}

awaitable<json::object> Registry::on_session(EraseOrder, SessionPtr session) {
  const auto outcome = co_await erase(std::move(session));
  co_return answer_json(outcome);
}

awaitable<json::object> Registry::on_session(AbortOrder order, SessionPtr session) {
  return run(UnitFunction::abort, std::move(order.name), order.lun, std::move(session));
}

awaitable<json::object> Registry::on_session(ResetOrder order, SessionPtr session) {
  return run(UnitFunction::reset, std::move(order.name), order.lun, std::move(session));
}

awaitable<json::object> Registry::run(UnitFunction function, std::string name,
                                      std::optional<std::uint64_t> lun, SessionPtr session) {
  spdlog::info("{}: {} of {} on request", name, to_string(function),
               lun ? fmt::format("lun {}", *lun) : "all logical units");
  const auto report = co_await session->run(function, lun);
  if (!report) co_return answer_json(report.error());
  co_return answer_json(make_answer(function, name, *report));
}

awaitable<json::object> Registry::carry_out(ConnectOrder order) {
  auto& request = order.session;
  if (request.name.empty()) request.name = derive_name();
  if (auto ok = fill_in_name(request); !ok) co_return answer_json(ok.error());
  if (auto is_free = check_free(request); !is_free) co_return answer_json(is_free.error());

  const auto session = add(std::move(request));
  const auto& name = session->request().name;
  const auto outcome = co_await session->start();
  if (!outcome) {
    spdlog::warn("{}: gone: {}", name, outcome.error().message);
    // If it is being erased, the erasure forgets it.
    if (outcome.error().code != "no_such_session") forget(*session, outcome.error());
    co_return answer_json(outcome.error());
  }
  if (session->request().wait) co_return co_await show(session);
  co_return answer_json(ConnectingAnswer{{name, "connecting"}});
}

Registry::SessionPtr Registry::add(SessionRequest request) {
  const auto name = request.name;
  spdlog::info("{}: connecting to {}", name, request.target.to_uri());
  if (request.listen_path.empty()) become_io_flusher();  // before the lane's thread starts, which inherits it
  const auto make_export = [this](Lane& lane, const SessionRequest& r) -> std::shared_ptr<Export> {
    if (r.listen_path.empty())
      return std::make_shared<NbdDevices>(executor_, devices_, lane,
                                          NbdDevicesOptions{r.name, r.device_index, r.options});
    return std::make_shared<NbdSocket>(executor_, lane, r.name, r.listen_path);
  };
  const auto session = std::make_shared<ManagedSession>(executor_, events_, std::move(request), make_export,
                                                        [this](const ManagedSession& gone) { forget(gone); });
  sessions_.emplace(name, session);
  report(name, EventKind::added, {});
  return session;
}

awaitable<Outcome<>> Registry::erase(SessionPtr session) {
  const auto outcome = co_await session->erase();
  forget(*session);
  co_return outcome;
}

void Registry::forget(const ManagedSession& session, std::optional<Failure> why) {
  const auto name = session.request().name;
  const auto found = sessions_.find(name);
  if (found == sessions_.end() || found->second.get() != &session) return;  // already forgotten
  sessions_.erase(found);
  spdlog::info("{}: erased", name);
  report(name, EventKind::erased, std::move(why));
  if (on_session_gone_) on_session_gone_();
}

awaitable<bool> Registry::erase_all(Clock::time_point deadline) {
  is_stopping_ = true;
  std::vector<Answer<std::monostate>> all_gone;
  const auto all = sessions_;
  for (const auto& [name, session] : all)
    spawn(executor_, erase_beside(session, all_gone.emplace_back(executor_)));
  for (const auto& gone : all_gone)
    if (!co_await gone.wait_until(deadline)) co_return false;
  co_return true;
}

awaitable<void> Registry::erase_beside(SessionPtr session, Answer<std::monostate> gone) {
  (void)co_await erase(std::move(session));
  gone.give({});
}

void Registry::report(const std::string& name, EventKind kind, std::optional<Failure> cause) {
  Event event(events_.now(), name, kind);
  event.cause = std::move(cause);
  if (kind == EventKind::added) event.to = srpi::to_string(srpi::SessionState::connecting);
  events_.publish(event);
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

}  // namespace srp_nbd
