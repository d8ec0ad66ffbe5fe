// SPDX-License-Identifier: Apache-2.0
#include "daemon/managed_session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/io_flusher.hpp"
#include "export/no_memory.hpp"

namespace srp_nbd {
namespace {

// The library keeps its own deadlines; these only catch a lane that does not answer.
constexpr std::chrono::seconds kLaneSlack{3};
constexpr std::chrono::seconds kViewDeadline{1};

using srpi::SessionState;

spdlog::level::level_enum level_of(srpi::LogLevel level) {
  switch (level) {
    case srpi::LogLevel::debug: return spdlog::level::debug;
    case srpi::LogLevel::info: return spdlog::level::info;
    case srpi::LogLevel::warning: return spdlog::level::warn;
    case srpi::LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

Failure erased_failure() { return {"no_such_session", "the session was erased meanwhile"}; }

}  // namespace

struct ManagedSession::Waiter {
  Waiter(const boost::asio::any_io_executor& executor, Done done_in) : deadline(executor), done(std::move(done_in)) {}
  boost::asio::steady_timer deadline;
  Done done;
};

// Made before it leaves for the lane, so that the way back takes no memory but for the message.
template<class T>
struct ManagedSession::Errand {
  boost::asio::any_io_executor executor;
  std::weak_ptr<ManagedSession> from;
  std::function<Outcome<T>(srpi::Session&)> question;
  Answer<T> answer;
  Outcome<T> outcome = Failure::no_memory();

  static void go_home(const std::shared_ptr<Errand>& errand) noexcept {
    insist([&] { boost::asio::post(errand->executor, [errand] { errand->arrive(); }); });
  }
  void arrive() {
    const auto self = from.lock();
    guarded([&] { answer(self.get(), std::move(outcome)); },
            [&] { answer(self.get(), Failure::no_memory()); });
  }
};

template<class T>
void ManagedSession::ask(std::function<Outcome<T>(srpi::Session&)> question, Answer<T> answer) {
  auto errand = std::make_shared<Errand<T>>();
  errand->executor = executor_;
  errand->from = weak_from_this();
  errand->question = std::move(question);
  errand->answer = std::move(answer);
  lane_->post([errand](srpi::Session& session) {
    guarded([&] { errand->outcome = errand->question(session); });
    Errand<T>::go_home(errand);
  });
}

ManagedSession::ManagedSession(boost::asio::any_io_executor executor, KernelDeviceManager& devices, EventHub& events,
                               SessionRequest request, std::function<void()> on_gone)
    : executor_(std::move(executor)),
      devices_(devices),
      events_(events),
      request_(std::move(request)),
      on_gone_(std::move(on_gone)),
      start_deadline_(executor_) {}

LaneCallbacks ManagedSession::lane_callbacks() {
  // On the lane's thread: copy what is needed and go on at home, where the session may be gone by then.
  const auto at_home = [executor = executor_, weak = weak_from_this()](const auto& work) {
    // By value, not const: what asio moves must not be copied.
    boost::asio::post(executor, [weak, work = work] {
      if (const auto self = weak.lock(); self && self->lane_) work(*self);
    });
  };
  LaneCallbacks callbacks;
  using SystemClock = std::chrono::system_clock;  // labels for people; decides nothing
  callbacks.on_state = [at_home](SessionState from, SessionState to, const srpi::Error& cause) {
    insist([&, now = SystemClock::now()] {
      at_home([now, from, to, cause = cause](ManagedSession& self) { self.on_state(now, from, to, cause); });
    });
  };
  callbacks.on_attempt_failed = [at_home](const srpi::Error& error) {
    insist([&, now = SystemClock::now()] {
      at_home([now, error = error](ManagedSession& self) { self.on_attempt_failed(now, error); });
    });
  };
  callbacks.on_logical_unit = [at_home](srpi::LogicalUnit& unit) {
    insist([&, now = SystemClock::now()] {
      at_home([now, info = unit.info()](ManagedSession& self) { self.on_logical_unit(now, info); });
    });
  };
  callbacks.on_event = [at_home](srpi::SessionEvent what, const srpi::LogicalUnit* unit) {
    insist([&, now = SystemClock::now()] {
      at_home([now, what, info = unit ? std::optional(unit->info()) : std::nullopt](ManagedSession& self) {
        self.on_unit_event(now, what, info);
      });
    });
  };
  callbacks.on_connection_closed = [at_home](std::uint64_t id, const srpi::Error& why) {
    insist([&] {
      at_home([id, why = why](ManagedSession& self) {
        if (self.publication_) self.publication_->connection_closed(id, why);
      });
    });
  };
  return callbacks;
}

void ManagedSession::start(Done done) {
  if (request_.listen_path.empty()) become_io_flusher();  // the lane's thread inherits it
  auto options = request_.options;
  options.log = [name = request_.name](srpi::LogLevel level, std::string_view text) {
    spdlog::log(level_of(level), "{}: {}", name, text);
  };
  LaneOptions lane_options;
  lane_options.name = request_.name;
  auto lane = Lane::start(request_.target, options, lane_callbacks(), lane_options);
  if (!lane) {
    phase_ = Phase::erasing;
    boost::asio::post(executor_, [done = std::move(done), failure = Failure{lane.error()}] { done(failure); });
    return;
  }
  lane_ = std::move(*lane);
  last_status_.target = request_.target;
  publication_ = std::make_unique<Publication>(executor_, devices_, *lane_, request_);
  if (!request_.wait) {
    boost::asio::post(executor_, [done = std::move(done)] { done({}); });
    return;
  }
  start_done_ = std::move(done);
  start_deadline_.expires_after(request_.options.connect_timeout + kLaneSlack);
  start_deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->phase_ != Phase::connecting) return;
    self->finish_start(Failure{"connect_timed_out", "the target did not answer within the connect deadline"});
  });
}

void ManagedSession::finish_start(Outcome<> outcome) {
  start_deadline_.cancel();
  if (outcome) {
    phase_ = Phase::ready;
    publish_failure_.reset();
  } else if (!request_.wait) {
    // A session that was told to keep trying publishes again when it is live the next time.
    phase_ = Phase::connecting;
    publish_failure_ = outcome.error();
    spdlog::error("{}: not published: {}", request_.name, outcome.error().message);
  } else {
    phase_ = Phase::erasing;
    publication_.reset();
    lane_.reset();
  }
  settle_waiters(outcome);
  if (auto done = std::exchange(start_done_, nullptr)) done(std::move(outcome));
}

void ManagedSession::publish() {
  phase_ = Phase::publishing;
  const auto done = [this](const Outcome<>& outcome) {
    tell_published(outcome);
    if (phase_ == Phase::publishing) finish_start(outcome);
  };
  guarded([&] { publication_->publish(units_, done); }, [&] { done(Failure::no_memory()); });
}

void ManagedSession::tell_published(const Outcome<>& outcome) {
  if (!outcome)
    return events_.report([&] {
      auto event = make_event(events_.now(), EventKind::publish_failed);
      event.cause = outcome.error();
      return event;
    });
  guarded([&] {
    for (auto& unit : publication_->units())
      events_.report([&] {
        auto event = make_event(events_.now(), EventKind::published);
        event.unit = std::move(unit);
        return event;
      });
  });
}

Event ManagedSession::make_event(Event::Time time, EventKind kind) const {
  Event event;
  event.time = time;
  event.session = request_.name;
  event.kind = kind;
  return event;
}

Event ManagedSession::present_state() const {
  auto event = make_event(events_.now(), EventKind::present);
  event.to = reported_state_;
  event.cause = reported_cause_;
  return event;
}

// The library has logged what it reports here.
void ManagedSession::on_state(Event::Time time, SessionState from, SessionState to, const srpi::Error& cause) {
  last_status_.state = reported_state_ = to;
  reported_cause_.reset();
  if (cause.code != srpi::Errc::ok)
    guarded([&] { reported_cause_ = Failure{cause}; }, [&] { reported_cause_ = Failure::no_memory(); });
  events_.report([&] {
    auto event = make_event(time, EventKind::state);
    event.from = from;
    event.to = to;
    event.cause = reported_cause_;
    return event;
  });
  if (phase_ == Phase::erasing) return;

  switch (to) {
    case SessionState::live:
      if (phase_ == Phase::connecting) return publish();  // waiters are settled when that has ended
      if (phase_ == Phase::ready) settle_waiters({});
      return;
    case SessionState::disconnected:
      if (phase_ == Phase::connecting && start_done_)
        return finish_start(cause.code == srpi::Errc::ok ? Failure{"cancelled", "disconnected while it was connecting"}
                                                         : Failure{cause});
      return fail_waiters(cause);
    case SessionState::erased: {
      spdlog::warn("{}: the target stayed away for longer than dev_loss; the session goes", request_.name);
      const auto self = shared_from_this();
      return erase([self](const Outcome<>&) { self->on_gone_(); });
    }
    default: return;
  }
}

void ManagedSession::on_attempt_failed(Event::Time time, const srpi::Error& error) {
  events_.report([&] {
    auto event = make_event(time, EventKind::attempt_failed);
    event.cause = Failure{error};
    return event;
  });
  if (phase_ == Phase::connecting && start_done_) return finish_start(Failure{error});
  if (phase_ != Phase::erasing) fail_waiters(error);
}

void ManagedSession::on_logical_unit(Event::Time time, const srpi::LogicalUnitInfo& info) {
  const auto known = std::find_if(units_.begin(), units_.end(), [&](const auto& u) { return u.lun == info.lun; });
  std::optional<std::uint64_t> old_size_bytes;
  if (known != units_.end()) old_size_bytes = known->blocks * known->block_size;
  insist([&] {  // a unit that is missing here would never be published
    if (old_size_bytes)
      *known = info;
    else
      units_.push_back(info);
  });
  if (publication_) guarded([&] { publication_->update(info); });
  events_.report([&] {
    auto event = make_event(time, old_size_bytes ? EventKind::unit_resized : EventKind::unit_found);
    event.old_size_bytes = old_size_bytes;
    event.unit = published(info);
    return event;
  });
}

void ManagedSession::on_unit_event(Event::Time time, srpi::SessionEvent what,
                                   const std::optional<srpi::LogicalUnitInfo>& info) {
  events_.report([&] {
    auto event = make_event(time, EventKind::unit_event);
    event.reported = what;
    if (info) event.unit = published(*info);
    return event;
  });
}

PublishedUnit ManagedSession::published(const srpi::LogicalUnitInfo& info) const {
  if (publication_)
    for (auto& unit : publication_->units())
      if (unit.info.lun == info.lun) return unit;
  return {info, {}, {}};
}

void ManagedSession::fail_waiters(const srpi::Error& error) {
  settle_waiters(error.code == srpi::Errc::ok ? Failure{"no_connect", "disconnected meanwhile"} : Failure{error});
}

void ManagedSession::settle_waiters(const Outcome<>& outcome) {
  for (auto& waiter : std::exchange(waiters_, {})) {
    waiter->deadline.cancel();
    guarded([&] { waiter->done(outcome); }, [&] { waiter->done(Failure::no_memory()); });
  }
}

void ManagedSession::disconnect(DisconnectDone done) {
  ask<std::chrono::nanoseconds>(
      [](srpi::Session& session) -> Outcome<std::chrono::nanoseconds> {
        if (auto outcome = session.disconnect(); !outcome) return Failure{outcome.error()};
        return session.status().last_disconnect;
      },
      [done = std::move(done)](ManagedSession*, const Outcome<std::chrono::nanoseconds>& took) {
        done(took);
      });
}

void ManagedSession::reconnect(Done done) {
  ask<SessionState>(
      [](srpi::Session& session) -> Outcome<SessionState> {
        if (auto outcome = session.reconnect(); !outcome) return Failure{outcome.error()};
        return session.state();
      },
      [done = std::move(done)](ManagedSession* self, const Outcome<SessionState>& state) {
        if (!self || self->phase_ == Phase::erasing) return done(erased_failure());
        if (!state) return done(state.error());
        self->await_live(*state, done);
      });
}

void ManagedSession::await_live(SessionState state, const Done& done) {
  if (state == SessionState::live && phase_ == Phase::ready) return done({});
  // Live, but an earlier attempt to publish has failed: try that again.
  if (state == SessionState::live && phase_ == Phase::connecting) publish();
  const auto waiter = std::make_shared<Waiter>(executor_, done);
  waiters_.push_back(waiter);
  waiter->deadline.expires_after(request_.options.connect_timeout + kLaneSlack);
  waiter->deadline.async_wait([weak = weak_from_this(), waiter](const boost::system::error_code& error) {
    const auto still = weak.lock();
    if (error || !still || std::erase(still->waiters_, waiter) == 0) return;
    waiter->done(Failure{"connect_timed_out", "the target did not answer within the connect deadline"});
  });
}

void ManagedSession::erase(Done done) {
  if (!lane_) return boost::asio::post(executor_, [done = std::move(done)] { done({}); });
  erase_waiters_.push_back(std::move(done));
  if (phase_ == Phase::erasing) return;
  phase_ = Phase::erasing;
  start_deadline_.cancel();
  guarded([&] {
    settle_waiters(erased_failure());
    if (auto start_done = std::exchange(start_done_, nullptr)) start_done(erased_failure());
  });
  insist([this] {
    publication_->withdraw([self = shared_from_this()](const Outcome<>& outcome) {
      // Posted on by the publication, which may therefore be destroyed here.
      self->publication_.reset();
      self->lane_.reset();
      for (auto& waiting : std::exchange(self->erase_waiters_, {})) guarded([&] { waiting(outcome); });
    });
  });
}

void ManagedSession::set_ram_target_online(bool online, Done done) {
  ask<void>(
      [online](srpi::Session& session) -> Outcome<> {
        if (auto outcome = session.set_ram_target_online(online); !outcome) return Failure{outcome.error()};
        return {};
      },
      [done = std::move(done)](ManagedSession*, const Outcome<>& outcome) { done(outcome); });
}

void ManagedSession::run_unit_task(UnitTask task, std::optional<std::uint64_t> lun, TaskDone done) {
  using TaskErrand = Errand<UnitTaskReport>;
  const auto errand = std::make_shared<TaskErrand>();
  errand->executor = executor_;
  errand->answer = [done = std::move(done)](ManagedSession*, const Outcome<UnitTaskReport>& outcome) {
    done(outcome);
  };
  lane_->post([errand, task, lun](srpi::Session& session) {
    const auto answered = [errand](Outcome<UnitTaskReport> outcome) noexcept {
      errand->outcome = std::move(outcome);
      TaskErrand::go_home(errand);
    };
    guarded([&] { srp_nbd::run_unit_task(session, task, lun, answered); },
            [&] { TaskErrand::go_home(errand); });
  });
}

void ManagedSession::view(ViewDone done) {
  if (!lane_) return done(make_view(last_status_, true));
  // Whoever comes first, the lane or the deadline, takes the callback.
  struct Pending {
    boost::asio::steady_timer deadline;
    ViewDone done;
  };
  const auto pending = std::make_shared<Pending>(Pending{boost::asio::steady_timer(executor_), std::move(done)});
  pending->deadline.expires_after(kViewDeadline);
  pending->deadline.async_wait([self = shared_from_this(), pending](const boost::system::error_code& error) {
    if (error) return;
    if (auto late = std::exchange(pending->done, nullptr)) late(self->make_view(self->last_status_, true));
  });
  lane_->post([executor = executor_, weak = weak_from_this(), pending](srpi::Session& session) {
    // Without the memory for it the deadline answers.
    boost::asio::post(executor, [weak, pending, status = session.status()] {
      const auto self = weak.lock();
      auto done_now = std::exchange(pending->done, nullptr);
      if (!self || !done_now) return;
      pending->deadline.cancel();
      self->last_status_ = status;
      done_now(self->make_view(status, false));
    });
  });
}

SessionView ManagedSession::make_view(const srpi::SessionStatus& status, bool is_stale) const {
  SessionView view;
  view.name = request_.name;
  view.status = status;
  view.options = request_.options.merged_with(request_.target);
  view.is_stale = is_stale;
  // What was left of a timer then says nothing about now.
  if (is_stale) view.status.next_attempt_in = view.status.fast_io_fail_in = view.status.dev_loss_in = std::nullopt;
  view.publish_failure = publish_failure_;
  if (publication_) view.units = publication_->units();
  return view;
}

}  // namespace srp_nbd
