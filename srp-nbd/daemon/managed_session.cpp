// SPDX-License-Identifier: Apache-2.0
// Start, orders and erasure of a session.
#include "daemon/managed_session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <limits>
#include <type_traits>
#include <utility>

#include "daemon/process.hpp"
#include "export/nbd_devices.hpp"
#include "export/nbd_socket.hpp"
#include "srpi/ram_target.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// The library has its own deadline. This one is for a lane that does not answer.
constexpr std::chrono::seconds kLaneSlack{3};
constexpr std::chrono::seconds kViewDeadline{1};

Failure connect_timed_out() {
  return {"connect_timed_out", "the target did not answer within the connect deadline"};
}

// By srpi::LogLevel.
constexpr spdlog::level::level_enum kLogLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                    spdlog::level::warn, spdlog::level::err};

// Asks the session on the lane's thread. The question is posted at once. After Lane::end an answer may not come.
template<class Question>
auto ask(Lane& lane, Executor home, Question question) {
  Answer<std::invoke_result_t<Question, srpi::Session&>> answer(std::move(home));
  lane.post(
      [answer, question = std::move(question)](srpi::Session& session) { answer.send(question(session)); });
  return answer;
}

}  // namespace

awaitable<Outcome<>> LiveWaiters::wait(Ticket ticket, Clock::duration time) {
  const auto outcome = co_await ticket.wait_until(Clock::now() + time);
  co_return outcome ? *outcome : Outcome<>(connect_timed_out());
}

ManagedSession::ManagedSession(Executor executor, EventHub& events, KernelDeviceManager& devices,
                               SessionRequest request, OnGone on_gone)
    : executor_(std::move(executor)),
      events_(events),
      devices_(devices),
      request_(std::move(request)),
      on_gone_(std::move(on_gone)),
      first_login_(executor_),
      gone_(executor_),
      live_waiters_(executor_),
      added_(executor_) {}

awaitable<Outcome<>> ManagedSession::start() {
  const auto self = shared_from_this();
  if (auto started = start_lane(); !started) {
    phase_ = Phase::erasing;
    co_return started;
  }
  if (!request_.wait) co_return Outcome<>();

  auto outcome = co_await LiveWaiters::wait(first_login_, connect_deadline());
  if (outcome) outcome = co_await publish();
  if (outcome || phase_ == Phase::erasing) co_return outcome;

  phase_ = Phase::erasing;
  live_waiters_.settle(outcome);
  co_await end_lane();
  gone_.give({});
  co_return outcome;
}

Outcome<> ManagedSession::start_lane() {
  if (request_.listen_path.empty()) become_io_flusher();  // the lane's thread inherits it
  auto options = request_.options;
  options.log = [name = request_.name](srpi::LogLevel level, std::string_view text) {
    spdlog::log(kLogLevels[static_cast<std::size_t>(level)], "{}: {}", name, text);
  };
  LaneOptions lane_options;
  lane_options.name = request_.name;
  const auto create = [address = request_.target.address, options](srpi::SessionObserver* observer) {
    return srpi::Session::create(address, options, observer);
  };
  auto lane = Lane::start(create, observe_lane(), lane_options);
  if (!lane) return Failure{lane.error()};
  lane_ = std::move(*lane);
  last_status_.target = request_.target.address;
  if (request_.listen_path.empty())
    export_ = std::make_shared<NbdDevices>(
        executor_, devices_, *lane_, NbdDevicesOptions{request_.name, request_.devices, request_.options});
  else
    export_ = std::make_shared<NbdSocket>(executor_, *lane_, request_.name, request_.listen_path);
  return {};
}

awaitable<Outcome<DisconnectAnswer>> ManagedSession::carry_out(DisconnectOrder) {
  const auto took = ask(*lane_, executor_, [](srpi::Session& session) -> Outcome<DisconnectAnswer> {
    // The duration of this order, also if there is nothing to end.
    const auto begun = Clock::now();
    if (auto outcome = session.disconnect(); !outcome) return Failure{outcome.error()};
    const auto nanoseconds = std::chrono::nanoseconds(Clock::now() - begun).count();
    return DisconnectAnswer{static_cast<double>(nanoseconds) / 1000.0};
  });
  return took.wait();
}

awaitable<Outcome<>> ManagedSession::carry_out(ReconnectOrder) {
  const auto self = shared_from_this();
  // What the lane reports after its answer must not be missed: the ticket is taken between the reports before the
  // answer and those after it.
  struct Asked {
    Outcome<srpi::SessionState> state;
    LiveWaiters::Ticket ticket;
  };
  const Answer<Asked> answer(executor_);
  lane_->post([answer, reports = reports_, weak = weak_from_this()](srpi::Session& session) {
    Outcome<srpi::SessionState> state;
    if (auto outcome = session.reconnect(); !outcome)
      state = Failure{outcome.error()};
    else
      state = session.state();
    reports->put({{}, [answer, weak, state] {
                    if (const auto there = weak.lock())
                      answer.give(Asked{state, there->live_waiters_.ticket()});
                  }});
  });
  const auto asked = co_await answer.wait();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  if (!asked.state) co_return asked.state.error();
  const bool was_live = *asked.state == srpi::SessionState::live;
  if (was_live && is_published()) {
    co_await publish_found();
    co_return Outcome<>();
  }
  // The session is live, but could not publish before: try again.
  if (was_live && phase_ == Phase::connecting) spawn(executor_, publish());
  co_return co_await LiveWaiters::wait(asked.ticket, connect_deadline());
}

awaitable<Outcome<RescanAnswer>> ManagedSession::carry_out(RescanOrder) {
  const auto self = shared_from_this();
  spdlog::info("{}: rescan on request", request_.name);
  const auto known = units_.size();
  const auto question = [name = request_.name, home = executor_](srpi::Session& session) {
    return run_rescan(session, name, home);
  };
  const auto asked = ask(*lane_, executor_, question);
  const auto begun = co_await asked.wait();
  const auto outcome = co_await begun.wait();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  if (!outcome) co_return outcome.error();
  // What the session has found may still be in the mailbox.
  const Answer<std::monostate> reported(executor_);
  reports_->put({{}, [reported] { reported.give({}); }});
  co_await reported.wait();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  erased_units_.clear();
  co_await publish_found();
  RescanAnswer answer;
  for (std::size_t i = known; i < units_.size(); ++i) answer.found.push_back(units_[i].lun);
  const auto status = ask_status();
  answer.session = co_await view(status);
  co_return answer;
}

awaitable<Outcome<>> ManagedSession::change_options(srpi::SessionOptions wanted) {
  const auto self = shared_from_this();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  auto options = request_.options;
  for (const auto& option : srpi::session_option_table())
    if (option.changes_live) option.copy(wanted, options);
  const auto asked = ask(*lane_, executor_, [options](srpi::Session& session) -> Outcome<> {
    if (auto changed = session.change_options(options); !changed) return Failure{changed.error()};
    return {};
  });
  const auto changed = co_await asked.wait();
  if (changed) request_.options = options;
  co_return changed;
}

awaitable<Outcome<>> ManagedSession::carry_out(TargetOrder order) {
  const auto done = ask(*lane_, executor_, [online = order.online](srpi::Session& session) -> Outcome<> {
    if (auto outcome = srpi::set_ram_target_online(session, online); !outcome)
      return Failure{outcome.error()};
    return {};
  });
  return done.wait();
}

awaitable<Outcome<>> ManagedSession::carry_out(TargetUnitOrder order) {
  if (order.lun > std::numeric_limits<std::uint16_t>::max())
    co_return Failure{"invalid_argument", fmt::format("lun {}: expected at most 1023", order.lun)};
  const auto lun = static_cast<std::uint16_t>(order.lun);
  const auto bytes = order.size_bytes.value_or(0);
  const auto done =
      ask(*lane_, executor_, [lun, bytes, mapped = order.mapped](srpi::Session& session) -> Outcome<> {
        auto outcome = mapped ? srpi::add_ram_unit(session, lun, bytes) : srpi::remove_ram_unit(session, lun);
        if (!outcome) return Failure{outcome.error()};
        return {};
      });
  co_return co_await done.wait();
}

awaitable<Outcome<UnitTaskAnswer>> ManagedSession::run(UnitFunction function,
                                                       std::optional<std::uint64_t> lun) {
  const auto self = shared_from_this();
  spdlog::info("{}: {} of {} on request", request_.name, to_string(function),
               lun ? fmt::format("lun {}", *lun) : "all logical units");
  const auto question = [function, lun, name = request_.name, home = executor_](srpi::Session& session) {
    return run_unit_function(session, function, lun, name, home);
  };
  const auto asked = ask(*lane_, executor_, question);
  auto started = co_await asked.wait();
  if (!started) co_return started.error();
  auto answer = co_await all_of(request_.name, std::move(*started));
  co_return answer;
}

awaitable<Outcome<SessionAnswer>> ManagedSession::carry_out(ShowOrder) {
  const auto self = shared_from_this();
  SessionAnswer answer;
  const auto asked = ask_status();
  answer.session = co_await view(asked);
  co_return answer;
}

ManagedSession::AskedStatus ManagedSession::ask_status() const {
  const auto deadline = Clock::now() + kViewDeadline;
  if (!export_) return {Answer<srpi::SessionStatus>(executor_), deadline};
  return {ask(*lane_, executor_, [](srpi::Session& session) { return session.status(); }), deadline};
}

awaitable<SessionView> ManagedSession::view(AskedStatus asked) {
  const auto self = shared_from_this();
  if (!export_ && !asked.status.is_given()) co_return make_view(true);
  const auto status = co_await asked.status.wait_until(asked.deadline);
  if (status) last_status_ = *status;
  co_return make_view(!status);
}

SessionView ManagedSession::make_view(bool is_stale) const {
  auto view = make_session_view(request_.name, request_.target, last_status_, request_.options, is_stale);
  view.publish_error = publish_failure_;
  if (!export_) return view;
  for (const auto& info : units_)
    if (!erased_units_.contains(info.lun)) view.luns.push_back(view_of(exported(info)));
  return view;
}

awaitable<void> ManagedSession::erase_lost() {
  const auto self = shared_from_this();
  (void)co_await erase();
  on_gone_(*this);
}

// The lane's thread may hang in a call, such as a name look-up. The main thread does not wait for it, because
// it serves other sessions. This session exists until the call ends.
awaitable<void> ManagedSession::end_lane() {
  const auto self = shared_from_this();
  export_.reset();
  const Answer<std::monostate> ended(executor_);
  lane_->end([ended] { ended.send({}); });
  co_await ended.wait();
  lane_.reset();  // its thread has ended
}

std::chrono::steady_clock::duration ManagedSession::connect_deadline() const {
  return request_.options.connect_timeout + kLaneSlack;
}

bool ManagedSession::has_device(std::uint32_t index) const {
  const auto is_it = [index](const auto& device) { return device.second == index; };
  if (!is_published() && std::ranges::any_of(request_.devices, is_it)) return true;
  if (!export_) return false;
  const auto path = fmt::format("/dev/nbd{}", index);
  const auto units = export_->units();
  return std::ranges::any_of(units, [&](const ExportedUnit& unit) { return unit.device == path; });
}

}  // namespace srp_nbd
