// SPDX-License-Identifier: Apache-2.0
// The driver: every event goes through the table, every action has its place here.
#include "session/nexus.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/no_memory.hpp"

namespace srpi::session {
namespace {

ChannelLimits channel_limits(const SessionOptions& options) {
  ChannelLimits limits;
  limits.queue_depth = options.queue_depth;
  limits.segments = options.descriptors;
  limits.command_timeout = options.command_timeout;
  limits.task_management_timeout = options.task_management_timeout;
  return limits;
}

}  // namespace

Nexus::Nexus(fabric::Fabric& fabric, const TargetAddress& target, const SessionOptions& options,
             const base::Clock& clock, base::Random random, Probe& probe, NexusObserver& observer)
    : fabric_(fabric),
      options_(options),
      clock_(clock),
      random_(random),
      probe_(probe),
      observer_(observer),
      channel_(channel_limits(options), clock, *this) {
  identity_.target = target;
  identity_.initiator_port_id = options.initiator_port_id;
  identity_.initiator_ext = target.initiator_ext ? *target.initiator_ext : options.initiator_ext.value_or(random_.next());
  if (options.fence_first_login) unfenced_.want_all_units();
  keepalive_.cdb = scsi::test_unit_ready();
  keepalive_.owner = this;
  keepalive_.rescue = false;
  keepalive_.on_complete = &Nexus::on_keepalive;
  start_attempt();
}

Nexus::~Nexus() { erase(); }

void Nexus::disconnect() {
  dispatch(Event::disconnect_requested);
  complete_rejected();  // where nothing had to be torn down
}
void Nexus::reconnect() {
  contest_.reset();
  dispatch(Event::reconnect_requested);
}
void Nexus::erase() {
  dispatch(Event::erase_requested);
  complete_rejected();
}

void Nexus::dispatch(Event event, const Error& cause) {
  const auto& row = transition(state_, event);
  ++rows_taken_[static_cast<std::size_t>(&row - transitions().data())];
  if (row.action == Action::ignore) return;
  SRPI_CHECK(row.action != Action::impossible);
  const auto from = state_;
  state_ = row.next;
  if (cause.code != Errc::ok || event == Event::disconnect_requested) last_error_ = base::copy_of(cause);
  // Whoever is told of a state may rely on it: what it promises about requests is already true, except for the two
  // states whose very meaning is that this is being done.
  const bool tell_first = row.action == Action::tear_down && row.next == State::disconnecting;
  if (tell_first) observer_.on_state(from, state_, cause);
  perform(row.action, cause);
  if (!tell_first && from != row.next) observer_.on_state(from, row.next, cause);
  if (row.action == Action::tear_down) dispatch(Event::drained);
  if (row.action == Action::lose) {
    if (options_.fast_io_fail.count() == 0) dispatch(Event::fast_io_fail_expired, cause);
    if (options_.reconnect_delay) start_attempt();
  }
}

void Nexus::perform(Action action, const Error& cause) {
  switch (action) {
    case Action::none:
    case Action::ignore:
    case Action::impossible: return;
    case Action::start_attempt: return start_attempt();
    case Action::schedule_retry:
      observer_.on_attempt_failed(cause);
      return schedule_retry();
    case Action::go_live:
      stop_timers();
      ++connects_;
      last_error_ = {};
      keepalive_sent_ = false;
      ended_by_target_ = false;
      return release_held(Errc::no_connect);
    case Action::lose:
      ++losses_;
      held_since_ = clock_.now();
      close_channel(options_.fast_io_fail.count() > 0);
      retry_delay_ = {};
      if (options_.fast_io_fail.count() > 0) fast_io_fail_at_ = clock_.now() + options_.fast_io_fail;
      if (options_.dev_loss) dev_loss_at_ = clock_.now() + *options_.dev_loss;
      return;
    case Action::fail_held_io:
      fast_io_fail_at_ = base::kNever;
      return fail_held();
    case Action::abandon:
      ++losses_;
      stop_timers();
      close_channel(false);
      return fail_held();
    case Action::give_up:
      stop_timers();
      observer_.on_attempt_failed(cause);
      return fail_held();
    case Action::tear_down:
      stop_timers();
      attempt_.reset();
      fail_held();
      close_channel(false);
      complete_rejected();
      return;
  }
}

void Nexus::close_channel(bool keep_commands) {
  if (!channel_.is_open()) return;
  if (std::exchange(proving_, false)) probe_.reset();
  const auto from = clock_.now();
  if (keep_commands) {
    CommandList kept;
    channel_.suspend(unfenced_, options_.fence, kept);
    while (auto* c = kept.pop_front()) hold(*c);
  } else {
    channel_.close(Errc::no_connect, unfenced_);
  }
  last_disconnect_ = clock_.now() - from;
  ++fds_version_;
}

void Nexus::start_attempt() {
  attempt_.reset();
  channel_.close(Errc::no_connect, unfenced_);
  retry_at_ = base::kNever;
  attempt_.emplace(fabric_, identity_, options_, channel_, memories_, probe_, unfenced_, clock_);
  ++fds_version_;
}

void Nexus::schedule_retry() {
  if (!options_.reconnect_delay) return;
  const base::Duration cap = *options_.reconnect_delay;
  retry_delay_ = std::min(cap, retry_delay_.count() == 0 ? base::Duration(options_.reconnect_first_delay) : 2 * retry_delay_);
  // Up to a quarter less, so that many initiators do not come back in step.
  const auto jitter = base::Duration(random_.below(static_cast<std::uint64_t>(retry_delay_.count()) / 4 + 1));
  retry_at_ = clock_.now() + retry_delay_ - jitter;
}

void Nexus::stop_timers() noexcept {
  retry_at_ = fast_io_fail_at_ = dev_loss_at_ = next_give_up_ = base::kNever;
  retry_delay_ = {};
}

}  // namespace srpi::session
