// SPDX-License-Identifier: Apache-2.0
// The driver: every event goes through the table, every action has its place here.
#include "session/nexus.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "scsi/sense.hpp"

namespace srpi::session {
namespace {

// Control events (CM, device) wake a sleeper by themselves; a busy loop looks for them this often.
constexpr base::Duration kControlCheckEvery = std::chrono::milliseconds(2);
// Where completions keep coming, this late at most: deadlines are in need of it.
constexpr base::Duration kControlCheckAtLatest = std::chrono::milliseconds(50);

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
void Nexus::reconnect() { dispatch(Event::reconnect_requested); }
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
  if (cause.code != Errc::ok || event == Event::disconnect_requested) last_error_ = cause;
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
  attempt_ =
      std::make_unique<Attempt>(fabric_, identity_, options_, channel_, memories_, probe_, unfenced_, clock_);
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

std::size_t Nexus::poll_attempt() {
  std::size_t work = 0;
  const auto outcome = attempt_->poll(work);
  if (work > 0) ++fds_version_;
  if (!outcome) return work;
  initiator_port_id_ = attempt_->initiator_port_id();
  if (channel_.is_open()) path_ = channel_.endpoint().path();
  attempt_.reset();
  if (outcome->error.code == Errc::ok) {
    dispatch(Event::attempt_succeeded);
  } else {
    channel_.close(Errc::no_connect, unfenced_);
    ++fds_version_;
    dispatch(outcome->refused ? Event::attempt_refused : Event::attempt_failed, outcome->error);
  }
  return work + 1;
}

std::size_t Nexus::poll_live() {
  const auto n = channel_.poll();
  const auto now = clock_.now();
  if (now >= next_control_check_ + (n == 0 ? base::Duration{} : kControlCheckAtLatest)) {
    next_control_check_ = now + kControlCheckEvery;
    if (const auto event = channel_.endpoint().next_event())
      if (event->kind == fabric::ConnectionEvent::Kind::disconnected ||
          event->kind == fabric::ConnectionEvent::Kind::failed)
        channel_.fail(event->error);
    channel_.check_deadlines(now);
    if (options_.keepalive && !proving_ && channel_.outstanding() == 0 &&
        now - channel_.last_heard() >= *options_.keepalive)
      send_keepalive();
  }
  if (proving_ && !channel_.failure()) {
    poll_proof(now);
    if (state_ != State::live) return n + 1;
  }
  if (channel_.failure()) {
    const auto cause = *channel_.failure();
    dispatch(Event::connection_lost, cause);
    return n + 1;
  }
  return n;
}

void Nexus::send_keepalive() noexcept {
  if (keepalive_sent_) return;
  keepalive_sent_ = true;
  channel_.submit(keepalive_);  // any answer will do, also a unit attention or an unknown LUN
}

void Nexus::on_keepalive(Command& command) noexcept {
  auto& self = *static_cast<Nexus*>(command.owner);
  self.keepalive_sent_ = false;
  // It may have taken a unit attention that was meant for I/O.
  if (command.error != Errc::ok || command.sense_bytes == 0) return;
  if (const auto sense = scsi::decode_sense({command.sense.data(), command.sense_bytes}))
    if (const auto event = scsi::classify(command.status, &*sense).event; event != scsi::Event::none)
      self.on_unit_event(command.lun, event);
}

std::size_t Nexus::run_timers() {
  const auto now = clock_.now();
  std::size_t n = 0;
  const auto due = [&](base::Time& timer) {
    if (now < timer) return false;
    timer = base::kNever;
    ++n;
    return true;
  };
  if (due(next_give_up_)) fail_held_overdue(now);
  if (due(fast_io_fail_at_)) dispatch(Event::fast_io_fail_expired, last_error_);
  if (due(dev_loss_at_))
    dispatch(Event::dev_loss_expired,
             {Errc::no_connect, fmt::format("not back within dev_loss, {} ms", options_.dev_loss->count())});
  if (due(retry_at_)) dispatch(Event::retry_due);
  return n;
}

std::size_t Nexus::poll() {
  std::size_t n = complete_rejected();
  n += fabric_.progress();
  if (attempt_)
    n += poll_attempt();
  else if (state_ == State::live)
    n += poll_live();
  if (state_ != State::live) n += run_timers();
  flush();
  return n;
}

void Nexus::flush() noexcept {
  if (state_ == State::live) channel_.flush();
}

bool Nexus::has_work() const noexcept {
  return !rejected_.empty() || !rejected_tasks_.empty() || (state_ == State::live && channel_.has_sendable());
}

base::Time Nexus::next_deadline() const noexcept {
  auto next = std::min({retry_at_, fast_io_fail_at_, dev_loss_at_, next_give_up_});
  if (attempt_) next = std::min(next, attempt_->deadline());
  if (state_ == State::live) {
    next = std::min(next, channel_.next_deadline());
    if (proving_) next = std::min(next, proof_deadline_);
    if (options_.keepalive && !keepalive_sent_ && !proving_ && channel_.outstanding() == 0)
      next = std::min(next, channel_.last_heard() + *options_.keepalive);
  }
  return next;
}

bool Nexus::arm() noexcept {
  if (has_work()) return false;
  next_control_check_ = {};  // whatever wakes us, look everywhere
  return !channel_.is_open() || channel_.endpoint().arm();
}

void Nexus::append_fds(std::vector<int>& fds) const {
  if (attempt_)
    attempt_->append_fds(fds);
  else if (channel_.is_open())
    const_cast<Channel&>(channel_).endpoint().append_fds(fds);
}

}  // namespace srpi::session
