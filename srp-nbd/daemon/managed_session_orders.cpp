// SPDX-License-Identifier: Apache-2.0
// Orders to a started session. Each is carried out on the lane's thread.
#include <utility>

#include "daemon/managed_session.hpp"
#include "srpi/ram_target.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

asio::awaitable<Outcome<std::chrono::nanoseconds>> ManagedSession::disconnect() {
  const auto took =
      ask_lane(*lane_, executor_, [](srpi::Session& session) -> Outcome<std::chrono::nanoseconds> {
        // The duration of this order, also if there is nothing to end.
        const auto begun = Clock::now();
        if (auto outcome = session.disconnect(); !outcome) return Failure{outcome.error()};
        return Clock::now() - begun;
      });
  return took.wait();
}

asio::awaitable<Outcome<>> ManagedSession::reconnect() {
  const auto self = shared_from_this();
  // What the lane reports after its answer must not be missed: the ticket is taken when the answer arrives,
  // not when this coroutine goes on.
  struct Asked {
    Outcome<srpi::SessionState> state;
    LiveWaiters::Ticket ticket;
  };
  const Answer<Asked> answer(executor_);
  lane_->post([answer, executor = executor_, weak = weak_from_this()](srpi::Session& session) {
    Outcome<srpi::SessionState> state;
    if (auto outcome = session.reconnect(); !outcome)
      state = Failure{outcome.error()};
    else
      state = session.state();
    asio::post(executor, [answer, weak, state] {
      if (const auto there = weak.lock()) answer.give(Asked{state, there->live_waiters_.ticket()});
    });
  });
  const auto asked = co_await answer.wait();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  if (!asked.state) co_return asked.state.error();
  const bool was_live = *asked.state == srpi::SessionState::live;
  if (was_live && phase_ == Phase::ready) co_return Outcome<>();
  // The session is live, but could not publish before: try again.
  if (was_live && phase_ == Phase::connecting) spawn(executor_, publish());
  co_return co_await LiveWaiters::wait(asked.ticket, connect_deadline());
}

asio::awaitable<Outcome<>> ManagedSession::set_ram_target_online(bool online) {
  const auto done = ask_lane(*lane_, executor_, [online](srpi::Session& session) -> Outcome<> {
    if (auto outcome = srpi::set_ram_target_online(session, online); !outcome)
      return Failure{outcome.error()};
    return {};
  });
  return done.wait();
}

asio::awaitable<Outcome<UnitFunctionReport>> ManagedSession::run(UnitFunction function,
                                                                 std::optional<std::uint64_t> lun) {
  const Answer<Outcome<UnitFunctionReport>> answer(executor_);
  lane_->post([answer, function, lun](srpi::Session& session) {
    run_unit_function(session, function, lun,
                      [answer](Outcome<UnitFunctionReport> report) { answer.send(std::move(report)); });
  });
  return answer.wait();
}

ManagedSession::AskedStatus ManagedSession::ask_status() const {
  if (!export_) return AskedStatus(executor_);
  return ask_lane(*lane_, executor_, [](srpi::Session& session) { return session.status(); });
}

asio::awaitable<SessionView> ManagedSession::view(AskedStatus asked, Clock::time_point deadline) {
  const auto self = shared_from_this();
  if (!export_ && !asked.is_given()) co_return make_view(true);
  const auto status = co_await asked.wait_until(deadline);
  if (status) last_status_ = *status;
  co_return make_view(!status);
}

SessionView ManagedSession::make_view(bool is_stale) const {
  auto view = make_session_view(request_.name, request_.target, last_status_, request_.options, is_stale);
  if (!view.last_error) view.last_error = publish_failure_;
  if (export_)
    for (const auto& unit : export_->units()) view.luns.push_back(view_of(unit));
  return view;
}

}  // namespace srp_nbd
