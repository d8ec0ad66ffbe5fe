// SPDX-License-Identifier: Apache-2.0
#include "daemon/registry.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <type_traits>
#include <utility>

#include "srpi/target_lists.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Reply = ControlServer::Reply;

Failure no_such_session(const std::string& name) {
  return {"no_such_session",
          fmt::format("there is no session \"{}\": `srp-nbd list` shows those there are", name)};
}

template<class T>
Reply reply_of(const Outcome<T>& outcome) {
  if (!outcome) return {answer_json(outcome.error()), {}};
  if constexpr (std::is_void_v<T>)
    return {answer_json(DoneAnswer{}), {}};
  else
    return {answer_json(*outcome), {}};
}

// Waits for the next line of a follower.
awaitable<std::shared_ptr<const std::string>> next_line(std::shared_ptr<EventFollower> follower) {
  for (;;) {
    if (auto line = follower->next()) co_return line;
    const Answer<std::monostate> ready(co_await asio::this_coro::executor);
    follower->on_ready([ready] { ready.give({}); });
    co_await ready.wait();
  }
}

}  // namespace

Registry::Registry(Executor executor)
    : executor_(executor), devices_(std::move(executor)), events_([this] { return present_states(); }) {}

awaitable<Reply> Registry::handle(Order order) {
  return std::visit([this](auto& each) { return carry_out(std::move(each)); }, order);
}

template<class SessionOrder>
awaitable<Reply> Registry::carry_out(SessionOrder order) {
  constexpr bool kErases = std::is_same_v<SessionOrder, EraseOrder>;
  const std::string name = order.name;
  const auto found = sessions_.find(name);
  if (found == sessions_.end()) co_return reply_of<void>(no_such_session(name));
  const auto session = found->second;
  if (session->is_erasing() && !kErases)
    co_return reply_of<void>(
        Failure{"no_such_session", fmt::format("the session \"{}\" is being erased", name)});
  const auto outcome = co_await session->carry_out(std::move(order));
  if (kErases && session->is_erasing()) forget(*session);  // it may be refused
  co_return reply_of(outcome);
}

awaitable<Reply> Registry::carry_out(EventsOrder order) {
  const std::string name = order.name.value_or("");
  if (!name.empty() && !sessions_.contains(name)) co_return reply_of<void>(no_such_session(name));
  const auto follower = events_.follow(name);
  if (!follower) co_return reply_of<void>(follower.error());
  auto reply = reply_of<void>({});
  reply.lines = [follower = *follower] { return next_line(follower); };
  co_return reply;
}

// Ask all sessions first, then wait for the answers.
awaitable<Reply> Registry::carry_out(ListOrder) {
  std::vector<std::pair<SessionPtr, ManagedSession::AskedStatus>> all;
  for (const auto& [name, session] : sessions_) all.emplace_back(session, session->ask_status());
  ListAnswer answer;
  for (const auto& [session, asked] : all) {
    auto view = co_await session->view(asked);
    answer.sessions.push_back(std::move(view));
  }
  co_return reply_of<ListAnswer>(std::move(answer));
}

awaitable<Reply> Registry::carry_out(ConnectOrder order) {
  const auto session = co_await connect(std::move(order.session));
  if (!session) co_return reply_of<void>(session.error());
  const auto& request = (*session)->request();
  if (!request.wait) co_return reply_of<ConnectingAnswer>(ConnectingAnswer{{request.name, "connecting"}});
  ShowOrder show;
  const auto shown = co_await (*session)->carry_out(show);
  co_return reply_of(shown);
}

awaitable<Reply> Registry::carry_out(ReloadOrder order) {
  const auto done = co_await reload(order.prune.value_or(false));
  co_return reply_of(done);
}

awaitable<Outcome<ReloadAnswer>> Registry::reload(bool prune) {
  if (!read_configuration_)
    co_return Failure{"bad_config",
                      "the daemon runs without a configuration: there is nothing to read again"};
  auto wanted = read_configuration_();
  if (!wanted) co_return wanted.error();
  co_return co_await configure(std::move(*wanted), prune);
}

awaitable<ReloadAnswer> Registry::configure(std::vector<SessionRequest> wanted, bool prune) {
  ReloadAnswer answer;
  auto missing = configured_;
  for (auto& request : wanted) {
    auto done = co_await configure(std::move(request));
    missing.erase(done.name);
    answer.sessions.push_back(std::move(done));
  }
  for (const auto& name : missing) {
    const auto found = sessions_.find(name);
    if (found == sessions_.end()) continue;
    auto done = co_await unconfigure(found->second, prune);
    answer.sessions.push_back(std::move(done));
  }
  co_return answer;
}

awaitable<ReloadedSession> Registry::configure(SessionRequest request) {
  if (const auto there = running(request)) {
    request.name = there->request().name;
    (void)fill_in_name(request);  // its path was checked when it was read
    ReloadedSession done{.name = request.name, .what = to_string(Reloaded::unchanged)};
    done.keys = differing_keys(request, there->request());
    if (done.keys.empty()) co_return done;
    done.what = to_string(Reloaded::changed);
    const auto changed = co_await there->change_options(std::move(request.options));
    if (!changed)
      done.error = changed.error();
    else
      for (const auto& key : done.keys)
        if (const auto* option = find_option(options(), key); option && option->changes_live())
          done.applied.push_back(key);
    co_return done;
  }
  ReloadedSession done{.name = request.name, .what = to_string(Reloaded::connecting)};
  const auto session = co_await connect(std::move(request));
  if (session)
    configured_.insert(done.name = (*session)->request().name);
  else
    done.error = session.error();
  co_return done;
}

awaitable<ReloadedSession> Registry::unconfigure(SessionPtr session, bool prune) {
  ReloadedSession done{.name = session->request().name, .what = to_string(Reloaded::left_alone)};
  if (!prune) co_return done;
  done.what = to_string(Reloaded::erased);
  EraseOrder order{done.name, {}, {}};
  const auto erased = co_await session->carry_out(std::move(order));
  if (session->is_erasing()) forget(*session);
  if (!erased) done.error = erased.error();
  co_return done;
}

Registry::SessionPtr Registry::running(const SessionRequest& request) const {
  for (const auto& [name, session] : sessions_) {
    if (!configured_.contains(name)) continue;
    if (request.name.empty() ? srpi::is_same_target(session->request().target.address, request.target.address)
                             : name == request.name)
      return session;
  }
  return nullptr;
}

awaitable<Outcome<Registry::SessionPtr>> Registry::connect(SessionRequest request) {
  if (request.name.empty()) request.name = derive_name();
  if (auto ok = fill_in_name(request); !ok) co_return ok.error();
  if (auto is_free = check_free(request); !is_free) co_return is_free.error();

  auto session = add(std::move(request));
  const auto outcome = co_await session->start();
  if (outcome) co_return session;
  spdlog::warn("{}: gone: {}", session->request().name, outcome.error().message);
  // no_such_session: an erasure runs, and it forgets the session.
  if (outcome.error().code != "no_such_session") forget(*session, outcome.error());
  co_return outcome.error();
}

Registry::SessionPtr Registry::add(SessionRequest request) {
  const auto name = request.name;
  spdlog::info("{}: connecting to {}", name, request.target.to_uri());
  request.options.permit_port_ids = [ids = port_ids_, name](const auto& initiator, const auto& target) {
    return ids->take(name, initiator, target);
  };
  const auto session = std::make_shared<ManagedSession>(executor_, events_, devices_, std::move(request),
                                                        [this](const ManagedSession& gone) { forget(gone); });
  sessions_.emplace(name, session);
  Event added(events_.now(), name, EventKind::added);
  added.to = srpi::to_string(srpi::SessionState::connecting);
  events_.publish(added);
  return session;
}

void Registry::forget(const ManagedSession& session, std::optional<Failure> why) {
  const auto name = session.request().name;
  const auto found = sessions_.find(name);
  if (found == sessions_.end() || found->second.get() != &session) return;  // already forgotten
  sessions_.erase(found);
  configured_.erase(name);
  port_ids_->release(name);
  spdlog::info("{}: erased", name);
  Event erased(events_.now(), name, EventKind::erased);
  erased.cause = std::move(why);
  events_.publish(erased);
  if (on_session_gone_) on_session_gone_();
}

awaitable<bool> Registry::erase_all(Clock::time_point deadline) {
  is_stopping_ = true;
  std::vector<Answer<std::monostate>> all_gone;
  const auto all = sessions_;
  for (const auto& [name, session] : all) spawn(executor_, erase(session, all_gone.emplace_back(executor_)));
  for (const auto& gone : all_gone)
    if (!co_await gone.wait_until(deadline)) co_return false;
  co_return true;
}

awaitable<void> Registry::erase(SessionPtr session, Answer<std::monostate> gone) {
  (void)co_await session->erase();
  forget(*session);
  gone.give({});
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
    for (const auto& [lun, index] : request.devices)
      if (session->has_device(index))
        return Failure{"busy", fmt::format("/dev/nbd{} is in use by the session \"{}\"", index, name)};
  }
  return {};
}

}  // namespace srp_nbd
