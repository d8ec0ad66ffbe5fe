// SPDX-License-Identifier: Apache-2.0
// The phases of a run: storm, calm, sweep, end.
#include <fmt/format.h>

#include <algorithm>

#include "simulation.hpp"

namespace srpi::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The slowest retry class has delays of two seconds, and a request may need many.
constexpr base::Duration kSettleBound = seconds(90);

}  // namespace

bool Simulation::run() {
  connect();
  start_faults();
  const auto end = clock_.now() + plan_.storm;
  while (!checks_.failure() && clock_.now() < end && workload_->completed() < plan_.requests) {
    if (!step(end)) break;
  }
  return finish();
}

bool Simulation::finish() {
  end_faults();
  // The last faults may have effects that appear only within these deadlines: a lost keepalive, delayed
  // units, requests of the target that take credits. Without keepalives, only requests notice them, and only
  // on their own channel. So use as many requests as the sweep will have.
  const auto quiet = 2 * (plan_.options.command_timeout + 2 * plan_.options.task_management_timeout +
                          plan_.options.connect_timeout);
  for (std::uint64_t before = ~std::uint64_t{0}; settle() && before != wire_.target_requests();) {
    before = wire_.target_requests();
    const auto blocks =
        std::min<std::uint64_t>(plan_.most_blocks, session_->logical_units()[0]->info().blocks);
    for (auto i = plan_.depth; i > 0; --i) workload_->submit_read(0, 0, blocks);
    poll_soon();
    if (!run_for(quiet)) break;
  }
  if (settle() && check_rescan() && settle() && sweep()) tear_down();
  return !checks_.failure();
}

void Simulation::start_faults() {
  faults_on_ = true;
  workload_->set_paused(false);
  alarm(plan_.think, Timer::workload);
  alarm(about(plan_.fault_interval), Timer::fault);
}

void Simulation::end_faults() {
  journal_.note("faults end");
  faults_on_ = false;
  workload_->set_paused(true);
  const auto pending = std::exchange(alarms_, {});
  for (const auto& a : pending)
    if (a.what != Timer::workload && a.what != Timer::fault) on_alarm(a);
  on_command = {};
  on_delivery = {};
  on_connection_event = {};
  target_->release_held();
  wake();
}

bool Simulation::has_unit_away() const {
  return std::ranges::any_of(session_->logical_units(),
                             [](const auto& u) { return u->info().away.code != Errc::ok; });
}

// A channel may be missing if the target refused it for good, or if there are no automatic attempts.
bool Simulation::is_complete() const {
  const auto& nexus = session_->nexus();
  if (nexus.state() != session::State::live || has_unit_away()) return false;
  return nexus.channels().live().size() == nexus.channels().all().size() || nexus.channels_refused() ||
         !plan_.options.reconnect_delay;
}

bool Simulation::settle() {
  const auto end = clock_.now() + kSettleBound;
  auto next_help = clock_.now() + milliseconds(100);
  while (!checks_.failure()) {
    if (state() == session::State::erased) {
      end_session();
      connect();
    }
    if (is_complete() && workload_->outstanding() == 0) return true;
    if (clock_.now() >= end) {
      checks_.fail(
          Checker::liveness,
          fmt::format("live and nothing outstanding within {} s after the last fault", seconds(90).count()),
          fmt::format("{}, {} of {} channels, {} requests outstanding{}", session::to_string(state()),
                      session_->nexus().channels().live().size(), session_->nexus().channels().all().size(),
                      workload_->outstanding(), has_unit_away() ? ", a unit away" : ""));
      break;
    }
    if (clock_.now() >= next_help) {
      // Only if the session waits for reconnect.
      check_resting();
      if (state() == session::State::stopped ||
          (!plan_.options.reconnect_delay &&
           (state() == session::State::lost || (state() == session::State::live && has_unit_away()))))
        (void)session_->reconnect();
      next_help = clock_.now() + milliseconds(100);
      session_poll_at_ = clock_.now();
    }
    step(std::min(end, next_help));
  }
  return false;
}

bool Simulation::sweep() {
  if (checks_.failure()) return false;
  check_disks();
  const auto before = workload_->submitted() - workload_->succeeded();
  const auto units = session_->logical_units().size();
  // A command's deadline includes its wait for a credit. With few credits, a long queue would not be served
  // in time.
  const auto at_a_time = plan_.target.request_limit < 4 ? 1 : plan_.depth;
  for (std::size_t unit = 0; unit < units && !checks_.failure(); ++unit) {
    const auto blocks = session_->logical_units()[unit]->info().blocks;
    for (std::uint64_t first = 0; first < blocks;) {
      const auto n = std::min<std::uint64_t>(plan_.most_blocks, blocks - first);
      if (workload_->outstanding() < at_a_time && workload_->submit_read(unit, first, n)) {
        first += n;
        session_poll_at_ = clock_.now();
        continue;
      }
      if (!step(clock_.now() + seconds(1)) || checks_.failure()) break;
    }
  }
  if (!run_until([&] { return workload_->outstanding() == 0; }, seconds(10)) && !checks_.failure())
    checks_.fail(Checker::liveness, "reads complete while nothing is broken",
                 fmt::format("{} outstanding", workload_->outstanding()));
  if (const auto failed = workload_->submitted() - workload_->succeeded() - before;
      failed != 0 && !checks_.failure())
    checks_.fail(Checker::liveness, "reads succeed while nothing is broken",
                 fmt::format("{} failed", failed));
  return !checks_.failure();
}

void Simulation::tear_down() {
  (void)session_->disconnect();
  end_session();
  target_->set_online(false);
  while (network_.next_due() != base::kNever) {
    clock_.set(std::max(clock_.now(), network_.next_due()));
    network_.step();
  }
  hooks_.left_alive.clear();
  if (network_.ends() != 0)
    checks_.fail(Checker::baseline, "no endpoint after the end of the session",
                 fmt::format("{}", network_.ends()));
  for (const auto& device : devices_)
    if (device->memory().size() != 0)
      checks_.fail(Checker::baseline, "no memory registered after the end of the session",
                   fmt::format("{} regions on {}", device->memory().size(), device->name()));
}

}  // namespace srpi::sim
