// SPDX-License-Identifier: Apache-2.0
// What a poll looks at: the attempt or the live connection, then the timers; and when it has to be called
// next.
#include <fmt/format.h>

#include <algorithm>

#include "base/no_memory.hpp"
#include "scsi/sense.hpp"
#include "session/nexus.hpp"

namespace srpi::session {
namespace {

// Control events (CM, device) wake a sleeper by themselves; a busy loop looks for them this often.
constexpr base::Duration kControlCheckEvery = std::chrono::milliseconds(2);
// Where completions keep coming, this late at most: deadlines are in need of it.
constexpr base::Duration kControlCheckAtLatest = std::chrono::milliseconds(50);

}  // namespace

std::size_t Nexus::poll_attempt() {
  std::size_t work = 0;
  std::optional<AttemptOutcome> outcome;
  try {
    outcome = attempt_->poll(work);
    if (outcome && channel_.is_open()) path_ = channel_.endpoint().path();
  } catch (const std::bad_alloc&) {
    outcome = AttemptOutcome{{Errc::no_memory, {}}};
  }
  if (work > 0) ++fds_version_;
  if (!outcome) return work;
  initiator_port_id_ = attempt_->initiator_port_id();
  const auto ended_another = attempt_->ended_another();
  if (ended_another) contest_.on_login(clock_.now(), *ended_another);
  attempt_.reset();
  if (outcome->error.code == Errc::ok) {
    dispatch(Event::attempt_succeeded);
    return work + 1;
  }
  channel_.close(Errc::no_connect, unfenced_);
  ++fds_version_;
  if (outcome->ended_by_target && contest_.on_ended_by_target(clock_.now())) {
    dispatch(Event::attempt_refused, eviction());
  } else {
    if (!outcome->ended_by_target) contest_.reset();
    dispatch(outcome->refused ? Event::attempt_refused : Event::attempt_failed, outcome->error);
  }
  return work + 1;
}

Error Nexus::eviction() const {
  return {Errc::evicted, base::words([&] {
            return fmt::format(
                "another initiator logs in there with our port id {}, and each login ends the "
                "other's connection; give every session an initiator extension of its own, then "
                "reconnect",
                initiator_port_id_.to_string());
          })};
}

void Nexus::take_connection_event() {
  auto event = channel_.endpoint().next_event();
  if (!event || (event->kind != fabric::ConnectionEvent::Kind::disconnected &&
                 event->kind != fabric::ConnectionEvent::Kind::failed))
    return;
  if (ended_by_target(*event, channel_)) ended_by_target_ = true;
  channel_.fail(std::move(event->error));
}

std::size_t Nexus::poll_live() {
  const auto n = channel_.poll();
  const auto now = clock_.now();
  if (now >= next_control_check_ + (n == 0 ? base::Duration{} : kControlCheckAtLatest)) {
    next_control_check_ = now + kControlCheckEvery;
    take_connection_event();
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
    take_connection_event();  // a failed completion says less than the connection manager may
    const auto cause = base::copy_of(*channel_.failure());
    const bool by_target =
        ended_by_target_ || channel_.logged_out() == wire::LogoutReason::multichannel_action;
    if (by_target && contest_.on_ended_by_target(now)) {
      dispatch(Event::ended_for_good, eviction());
    } else {
      if (!by_target) contest_.reset();
      dispatch(Event::connection_lost, cause);
    }
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
    dispatch(Event::dev_loss_expired, {Errc::no_connect, base::words([&] {
                                         return fmt::format("not back within dev_loss, {} ms",
                                                            options_.dev_loss->count());
                                       })});
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
