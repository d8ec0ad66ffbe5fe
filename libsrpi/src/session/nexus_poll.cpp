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
  auto& channel = links_.front()->channel;
  std::optional<AttemptOutcome> outcome;
  try {
    outcome = attempt_->poll(work);
    if (outcome && channel.is_open()) path_ = fabric::Path(channel.endpoint().path());
  } catch (const std::bad_alloc&) {
    outcome = AttemptOutcome{{Errc::no_memory, {}}};
  }
  if (work > 0) ++fds_version_;
  if (!outcome) return work;
  initiator_port_id_ = attempt_->initiator_port_id();
  const auto ended_another = attempt_->ended_another();
  if (ended_another) contest_.on_login(clock_.now(), *ended_another);
  device_reached_ = attempt_->reached_device();
  attempt_.reset();
  if (outcome->error.code == Errc::ok) {
    dispatch(Event::attempt_succeeded);
    return work + 1;
  }
  fail_channel(channel, clock_.now(), unfenced_);
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

void Nexus::take_connection_event(Link& link) {
  auto event = link.channel.endpoint().next_event();
  if (!event || (event->kind != fabric::ConnectionEvent::Kind::disconnected &&
                 event->kind != fabric::ConnectionEvent::Kind::failed))
    return;
  if (ended_by_target(*event, link.channel)) link.ended_by_target = true;
  link.channel.fail(std::move(event->error));
}

std::size_t Nexus::poll_live() {
  std::size_t n = 0;
  for (auto* link : live_) n += link->channel.poll();
  const auto now = clock_.now();
  if (now >= next_control_check_ + (n == 0 ? base::Duration{} : kControlCheckAtLatest)) {
    next_control_check_ = now + kControlCheckEvery;
    for (auto* link : live_) {
      take_connection_event(*link);
      link->channel.check_deadlines(now);
      look_for_silence(*link, now);
    }
    resets_.check_deadlines(now);
  }
  if (proving_) poll_proof(now);
  if (state_ == State::live) n += take_losses();
  if (state_ == State::live) poll_fence();
  if (state_ == State::live && withholding_) ask_away(now);
  if (state_ == State::live && live_.size() < links_.size()) n += poll_join();
  return state_ == State::live ? n : n + 1;
}

// A peer that falls silent is noticed by the transport when it does not acknowledge what we send. What it
// acknowledged before may wait for its answers for ever: so while it owes us any, it is sent something, too.
base::Time Nexus::keepalive_at(const Link& link) const noexcept {
  if (!options_.keepalive || link.keepalive_sent || proving_) return base::kNever;
  const auto heard = link.channel.last_heard();
  if (link.channel.outstanding() == 0) return heard + *options_.keepalive;
  const auto since = std::max(heard, link.waiting_since ? *link.waiting_since : clock_.now());
  return since + std::min<base::Duration>(SessionOptions::kAnswersAwaited, *options_.keepalive);
}

void Nexus::note_waiting(Link& link) noexcept {
  if (link.channel.outstanding() == 0)
    link.waiting_since.reset();
  else if (!link.waiting_since)
    link.waiting_since = clock_.now();
}

void Nexus::look_for_silence(Link& link, base::Time now) noexcept {
  note_waiting(link);
  if (now < keepalive_at(link)) return;
  link.keepalive_sent = true;
  link.keepalive.lun = keepalive_lun();
  link.channel.submit_keepalive(
      link.keepalive);  // any answer will do, also a unit attention or an unknown LUN
}

void Nexus::on_keepalive(Command& command) noexcept {
  auto& link = *static_cast<Link*>(command.owner);
  link.keepalive_sent = false;
  // It may have taken a unit attention that was meant for I/O.
  if (command.error != Errc::ok || command.sense_bytes == 0) return;
  if (const auto sense = scsi::decode_sense({command.sense.data(), command.sense_bytes}))
    if (const auto event = scsi::classify(command.status, &*sense).event; event != scsi::Event::none)
      link.nexus.on_unit_event(command.lun, event);
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

// Memory stays registered while connections come and go: pinning it may take longer than a login. But an RDMA
// device cannot be removed while something is registered with it, and only connections hear of a removal. So
// it is let go when it is known to be gone, when an attempt did not get as far as a device, and when no
// attempt will look again.
bool Nexus::holds_idle_device() const noexcept {
  const auto& device = memories_.device();
  if (state_ == State::live || !device) return false;
  if (std::ranges::any_of(links_, [](const auto& l) { return l->channel.is_open(); })) return false;
  return device->gone() || !device_reached_ || (!attempt_ && retry_at_ == base::kNever);
}

void Nexus::let_device_go() noexcept {
  memories_.let_device_go();
  probe_.let_device_go();
  for (const auto& link : links_) link->channel.let_device_go();
}

std::size_t Nexus::poll() {
  std::size_t n = complete_rejected();
  n += fabric_.progress();
  if (attempt_)
    n += poll_attempt();
  else if (state_ == State::live)
    n += poll_live();
  if (state_ != State::live) n += run_timers();
  if (holds_idle_device()) let_device_go();
  flush();
  return n;
}

void Nexus::flush() noexcept {
  if (state_ != State::live) return;
  if (only_) return only_->flush();
  for (auto* link : live_) {
    link->channel.flush();
    if (!link->channel.has_pending()) link->queued = 0;
  }
}

bool Nexus::has_work() const noexcept {
  if (!rejected_.empty() || !rejected_tasks_.empty()) return true;
  if (state_ != State::live) return holds_idle_device();
  return (proving_ && !proof_link_ && prove_at_ <= clock_.now()) ||
         std::ranges::any_of(live_, [](const Link* l) { return l->channel.has_sendable(); });
}

base::Time Nexus::next_deadline() const noexcept {
  auto next = std::min({retry_at_, fast_io_fail_at_, dev_loss_at_, next_give_up_});
  if (attempt_) next = std::min(next, attempt_->deadline());
  if (state_ != State::live) return next;
  for (const auto* link : live_) {
    const auto& channel = link->channel;
    next = std::min(next, channel.next_deadline());
    next = std::min(next, keepalive_at(*link));
  }
  if (proving_) next = std::min(next, proof_link_ ? proof_deadline_ : prove_at_);
  if (fence_is_due()) next = std::min(next, fence_at_);
  if (withholding_) next = std::min(next, next_question());
  return std::min({next, resets_.next_deadline(), next_join()});
}

bool Nexus::arm() noexcept {
  if (has_work()) return false;
  for (auto* link : live_) note_waiting(*link);
  next_control_check_ = {};  // whatever wakes us, look everywhere
  return std::ranges::all_of(
      links_, [](const auto& l) { return !l->channel.is_open() || l->channel.endpoint().arm(); });
}

void Nexus::append_fds(std::vector<int>& fds) const {
  if (attempt_) return attempt_->append_fds(fds);
  for (auto* link : live_) link->channel.endpoint().append_fds(fds);
  if (join_) join_->append_fds(fds);
}

}  // namespace srpi::session
