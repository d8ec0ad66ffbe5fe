// SPDX-License-Identifier: Apache-2.0
#include "simulation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "address.hpp"
#include "loopback/fabric.hpp"

namespace srpi::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// More steps than this at one moment mean a busy loop.
constexpr std::uint64_t kMostStepsAtATime = 20000;
constexpr std::uint64_t kStepsBetweenDiskChecks = 128;
// How often to check whether a unit is away, before the fault is undone.
constexpr std::uint64_t kMostLooks = 20;

}  // namespace

Simulation::Simulation(const Plan& plan, SimOptions options)
    : plan_(plan),
      sim_options_(options),
      journal_(clock_, options.trace),
      random_(plan.seed ^ 0x73696du),
      network_random_(plan.seed ^ 0x6e6574u),
      fault_random_(plan.seed ^ 0x6661756c74u),
      network_(this),
      devices_{network_.initiator_device()},
      wire_(checks_, journal_),
      hooks_{wire_, options.canary, [this](fabric::ConnectionEvent& e) { bend(e); }, {}} {
  clock_.advance(seconds(1));  // so that nothing is due at time 0
  plan_.options.log = [this](LogLevel, std::string_view text) { journal_.say(text); };
  if (auto valid = plan_.options.validate(); !valid) throw std::invalid_argument(valid.error().message());
  target_ = target::RamTarget::create(plan_.target).value();
  for (const auto& lun : plan_.target.luns)
    models_.emplace_back(lun.number, std::max(lun.bytes, lun.max_bytes) / lun.block_size, lun.block_size,
                         lun.volatile_cache);
  for (const auto& lun : plan_.later)
    models_.emplace_back(lun.number, std::max(lun.bytes, lun.max_bytes) / lun.block_size, lun.block_size,
                         lun.volatile_cache);
  target_->set_command_hook([this](const target::CommandInfo& command) { return decide(command); });
  network_.listen(loopback::service_of(address()), *target_, network_.target_device()).value();
  workload_ =
      std::make_unique<Workload>(plan_, checks_, journal_, models_, base::Random(plan.seed ^ 0x776f726bu));
}

Simulation::~Simulation() {
  // After a failure, the rest is not torn down in order.
  workload_->set_paused(true);
  if (session_) end_session();
  hooks_.left_alive.clear();
  network_.stop_listening(loopback::service_of(address()));
  target_.reset();
}

void Simulation::connect() {
  journal_.note("new session", ++sessions_);
  wire_.session_opened();
  exchange_back();
  odd_answers_ = {};  // the units tell their names to a session that does not know them
  auto fabric = std::make_unique<SimFabric>(network_, hooks_);
  fabric->use_device(devices_.back());
  fabric_ = fabric.get();
  auto options = plan_.options;
  options.fence_first_login = sessions_ > 1;  // an earlier session with the same port id may have left writes
  session_ = std::make_unique<api::SessionImpl>(address(), options, this, std::move(fabric), nullptr,
                                                plan_.seed + sessions_, &clock_);
  // The session's fd() is not used: the simulation does not sleep, and the kernel's timer would take most of
  // the run's time.
  workload_->use(session_.get());
  session_poll_at_ = clock_.now();
}

void Simulation::end_session() {
  session_->erase();
  workload_->set_paused(true);
  // Completions may have submitted new requests. There are few commands, so poll once per request.
  for (auto polls = plan_.depth; polls > 0 && workload_->outstanding() > 0; --polls) session_->poll();
  if (rescan_is_under_way_)
    checks_.fail(Checker::one_completion, "no rescan under way at the end of a session", "one");
  workload_->set_paused(!faults_on_);
  workload_->use(nullptr);
  const auto& taken = session_->nexus().record().rows_taken;
  for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] += taken[i];
  const auto& history = session_->nexus().channels().history;
  channels_.joins += history.joins;
  channels_.losses += history.losses;
  channels_.repeated += history.repeated;
  session_.reset();
  session_poll_at_ = base::kNever;
}

bool Simulation::run_for(base::Duration time) {
  const auto end = clock_.now() + time;
  while (!checks_.failure() && step(end)) {
  }
  return !checks_.failure();
}

bool Simulation::run_until(const std::function<bool()>& done, base::Duration bound) {
  const auto end = clock_.now() + bound;
  while (!checks_.failure()) {
    if (done()) return true;
    if (!step(end)) return done();
  }
  return false;
}

// Runs the next event. Returns false if there is none before `limit`; the clock is then at `limit`.
bool Simulation::step(base::Time limit) {
  auto next = std::min({network_.next_due(), target_poll_at_, session_poll_at_});
  if (session_) next = std::min(next, session_->next_deadline());
  for (const auto& a : alarms_) next = std::min(next, a.at);
  if (next > limit) {
    clock_.set(limit);
    return false;
  }
  if (next > clock_.now()) {
    clock_.set(next);
    steps_at_this_time_ = 0;
  } else if (++steps_at_this_time_ > kMostStepsAtATime) {
    std::string who;
    if (network_.next_due() <= clock_.now()) who += ", the network";
    if (target_poll_at_ <= clock_.now()) who += ", the target";
    if (session_poll_at_ <= clock_.now()) who += ", the session";
    if (session_ && session_->next_deadline() <= clock_.now()) who += ", a deadline of the session's";
    checks_.fail(Checker::liveness, "virtual time advances",
                 fmt::format("{} events at once{}", steps_at_this_time_, who));
    return false;
  }
  if (network_.next_due() <= clock_.now() && network_.step()) wake();
  for (std::size_t i = 0; i < alarms_.size(); ++i) {
    if (alarms_[i].at > clock_.now()) continue;
    const auto due = alarms_[i];
    alarms_.erase(alarms_.begin() + static_cast<std::ptrdiff_t>(i));
    on_alarm(due);
    break;
  }
  const bool target_first = random_.chance(1, 2);
  if (target_first) poll_target();
  poll_session();
  if (!target_first) poll_target();
  check();
  if (++steps_ % kStepsBetweenDiskChecks == 0) check_disks();
  return true;
}

void Simulation::wake() noexcept {
  if (target_poll_at_ == base::kNever) target_poll_at_ = clock_.now() + target_lag_;
  if (session_poll_at_ == base::kNever) session_poll_at_ = clock_.now() + session_lag_;
}

void Simulation::poll_target() {
  if (target_poll_at_ > clock_.now()) return;
  target_poll_at_ = target_->poll() > 0 ? clock_.now() + target_lag_ : base::kNever;
}

void Simulation::poll_session() {
  if (!session_ || std::min(session_poll_at_, session_->next_deadline()) > clock_.now()) return;
  session_poll_at_ = session_->poll() > 0 || !session_->arm() ? clock_.now() + session_lag_ : base::kNever;
}

base::Duration Simulation::about(base::Duration mean) noexcept {
  return base::Duration(fault_random_.below(2 * static_cast<std::uint64_t>(mean.count()) + 1));
}

void Simulation::alarm(base::Duration after, Timer what, std::uint64_t argument) {
  alarms_.push_back({clock_.now() + after, what, argument});
}

void Simulation::on_alarm(const Alarm& a) {
  switch (a.what) {
    case Timer::workload:
      if (workload_->submitted() < plan_.requests) {
        workload_->submit_some();
        session_poll_at_ = std::min(session_poll_at_, clock_.now() + session_lag_);
      }
      alarm(std::max<base::Duration>(about(plan_.think), std::chrono::microseconds(1)), Timer::workload);
      return;
    case Timer::fault:
      inject_any();
      alarm(std::max<base::Duration>(about(plan_.fault_interval), std::chrono::microseconds(1)),
            Timer::fault);
      break;
    case Timer::target_online: target_->set_online(true); break;
    case Timer::accept_logins:
      target_->reject_logins(std::nullopt);
      target_->reject_further_channels(std::nullopt);
      break;
    case Timer::good_login_responses: target_->set_login_response_hook({}); break;
    case Timer::exchange_back: exchange_back(); break;
    case Timer::answer_again:
      // Wait until the session has noticed it, but not for long.
      if (faults_on_ && a.argument < kMostLooks && !(state() == session::State::live && has_unit_away()))
        return alarm(milliseconds(2), Timer::answer_again, a.argument + 1);
      refusal_.reset();
      break;
    case Timer::go_on: (void)target_->hang(static_cast<std::uint16_t>(a.argument), false); break;
    case Timer::plain_answers: odd_answers_ = {}; break;
    case Timer::map_again: (void)target_->restore_lun(static_cast<std::uint16_t>(a.argument)); break;
    case Timer::fast_session: session_lag_ = {}; break;
    case Timer::fast_target: target_lag_ = {}; break;
    case Timer::release_held: target_->release_held(1 + a.argument); break;
    case Timer::writable: (void)target_->set_read_only(static_cast<std::uint16_t>(a.argument), false); break;
    case Timer::new_session:
      if (state() != session::State::erased) break;
      end_session();
      connect();
      break;
  }
  wake();
}

void Simulation::on_state(SessionState, SessionState to, const Error& cause) {
  journal_.note("state", static_cast<std::uint64_t>(to), static_cast<std::uint64_t>(cause.code));
  if (session_) states_.push_back(session_->nexus().state());
  // Observers may submit requests.
  if (faults_on_ && session_ && workload_->submitted() < plan_.requests && random_.chance(1, 4))
    workload_->submit_one();
  if (to == SessionState::erased && faults_on_) alarm(about(milliseconds(20)), Timer::new_session);
}

}  // namespace srpi::sim
