// SPDX-License-Identifier: Apache-2.0
// What an operator orders of a session that was started: each is asked on the lane's thread and answered at home.
#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/lane_errand.hpp"
#include "daemon/managed_session.hpp"
#include "srpi/ram_target.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

constexpr std::chrono::seconds kViewDeadline{1};

using srpi::SessionState;

Failure erased_failure() { return {"no_such_session", "the session was erased meanwhile"}; }

}  // namespace

void ManagedSession::disconnect(DisconnectDone done) {
  ask<std::chrono::nanoseconds>(
      *lane_, executor_,
      [](srpi::Session& session) -> Outcome<std::chrono::nanoseconds> {
        // This order's time, also where there was nothing (more) to end.
        const auto begun = std::chrono::steady_clock::now();
        if (auto outcome = session.disconnect(); !outcome) return Failure{outcome.error()};
        return std::chrono::steady_clock::now() - begun;
      },
      std::move(done));
}

void ManagedSession::reconnect(Done done) {
  ask<SessionState>(
      *lane_, executor_,
      [](srpi::Session& session) -> Outcome<SessionState> {
        if (auto outcome = session.reconnect(); !outcome) return Failure{outcome.error()};
        return session.state();
      },
      [weak = weak_from_this(), done = std::move(done)](const Outcome<SessionState>& state) {
        const auto self = weak.lock();
        if (!self || self->phase_ == Phase::erasing) return done(erased_failure());
        if (!state) return done(state.error());
        self->await_live(*state, done);
      });
}

void ManagedSession::await_live(SessionState state, Done done) {
  if (state == SessionState::live && phase_ == Phase::ready) return done({});
  // Live, but an earlier attempt to publish has failed: try that again.
  if (state == SessionState::live && phase_ == Phase::connecting) publish();
  reconnect_waiters_.add(connect_deadline(), std::move(done));
}

void ManagedSession::erase(Done done) {
  if (!lane_) return boost::asio::post(executor_, [done = std::move(done)] { done({}); });
  erase_waiters_.push_back(std::move(done));
  if (phase_ == Phase::erasing) return;
  phase_ = Phase::erasing;
  start_deadline_.cancel();
  guarded([&] {
    reconnect_waiters_.settle(erased_failure());
    if (auto start_done = std::exchange(start_done_, nullptr)) start_done(erased_failure());
  });
  insist([this] {
    publication_->withdraw([self = shared_from_this()](const Outcome<>& outcome) {
      // Posted on by the publication, which may therefore be destroyed here.
      insist([&] { self->end_lane([self, outcome] { self->settle_erase(outcome); }); });
    });
  });
}

// The lane's thread may be in a call that hangs, such as looking up a name: whoever waits for its end, the main thread,
// which serves all the others, does not. The session stays until then.
void ManagedSession::end_lane(std::function<void()> gone) {
  publication_.reset();
  insist([&] {
    lane_->end([executor = executor_, self = shared_from_this(), gone] {
      insist([&] {
        // By value, not const: what asio moves must not be copied.
        boost::asio::post(executor, [self = self, gone = gone] {
          self->lane_.reset();  // its thread has nothing left to do
          gone();
        });
      });
    });
  });
}

void ManagedSession::settle_erase(const Outcome<>& outcome) {
  for (auto& waiting : std::exchange(erase_waiters_, {})) guarded([&] { waiting(outcome); });
}

void ManagedSession::set_ram_target_online(bool online, Done done) {
  ask<void>(
      *lane_, executor_,
      [online](srpi::Session& session) -> Outcome<> {
        if (auto outcome = srpi::set_ram_target_online(session, online); !outcome)
          return Failure{outcome.error()};
        return {};
      },
      std::move(done));
}

void ManagedSession::run_unit_task(UnitTask task, std::optional<std::uint64_t> lun, TaskDone done) {
  using Errand = LaneErrand<UnitTaskReport>;
  const auto errand = std::make_shared<Errand>(executor_, std::move(done));
  lane_->post([errand, task, lun](srpi::Session& session) {
    const auto answered = [errand](Outcome<UnitTaskReport> outcome) noexcept {
      errand->outcome = std::move(outcome);
      Errand::go_home(errand);
    };
    guarded([&] { srp_nbd::run_unit_task(session, task, lun, answered); }, [&] { Errand::go_home(errand); });
  });
}

void ManagedSession::view(ViewDone done) {
  if (!publication_) return done(make_view(last_status_, true));
  // Whoever comes first, the lane or the deadline, takes the callback.
  struct Pending {
    boost::asio::steady_timer deadline;
    ViewDone done;
  };
  const auto pending =
      std::make_shared<Pending>(Pending{boost::asio::steady_timer(executor_), std::move(done)});
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
  auto view = make_session_view(request_.name, request_.target, status, request_.options, is_stale);
  if (!view.last_error) view.last_error = publish_failure_;
  if (publication_) view.luns = publication_->units();
  return view;
}

}  // namespace srp_nbd
