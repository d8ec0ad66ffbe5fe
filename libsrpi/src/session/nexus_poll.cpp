// SPDX-License-Identifier: Apache-2.0
// The work of a poll: the attempt or the live connection, then the timers; and when the next poll is due.
#include <algorithm>

#include "base/make_error.hpp"
#include "session/nexus.hpp"

namespace srpi::session {

std::size_t Nexus::poll() {
  std::size_t n = ended_.complete();
  n += context_.fabric.progress();
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
  if (state_ == State::live) channels_.flush();
}

std::size_t Nexus::poll_attempt() {
  std::size_t work = 0;
  auto& channel = channels_.first().channel;
  std::optional<AttemptOutcome> outcome;
  try {
    outcome = attempt_->poll(work);
    if (outcome && channel.is_open()) record_.path = fabric::Path(channel.endpoint().path());
  } catch (const std::bad_alloc&) {
    outcome = AttemptOutcome{{Errc::no_memory, {}}};
  }
  if (work > 0) ++record_.fds_version;
  if (!outcome) return work;
  end_attempt(*outcome);
  return work + 1;
}

void Nexus::end_attempt(const AttemptOutcome& outcome) {
  record_.initiator_port_id = attempt_->initiator_port_id();
  record_.device_reached = attempt_->reached_device();
  const auto ended_another = attempt_->ended_another();
  if (ended_another) contest_.on_login(clock_.now(), *ended_another);
  attempt_.reset();
  if (outcome.error.code == Errc::ok) {
    record_.cache_epoch += units_.update(outcome.units, marks_, clock_.now());
    return dispatch(Event::attempt_succeeded);
  }
  close(channels_.first().channel, marks_, clock_.now());
  ++record_.fds_version;
  if (outcome.ended_by_target && contest_.on_ended_by_target(clock_.now()))
    return dispatch(Event::attempt_failed_for_good, eviction());
  if (!outcome.ended_by_target) contest_.reset();
  dispatch(outcome.is_final ? Event::attempt_failed_for_good : Event::attempt_failed, outcome.error);
}

// The order matters: first completions, then their effect on units, then losses, then questions to units.
std::size_t Nexus::poll_live() {
  auto n = channels_.poll();
  const auto now = clock_.now();
  if (channels_.look_is_due(now, n > 0))
    channels_.look_around(now, proof_.is_active() ? std::nullopt : std::optional(units_.keepalive_lun()));
  std::optional<Error> failure;
  if (auto result = late_fence_.take_result()) failure = on_fence_result(std::move(*result));
  if (units_.any_withheld()) take_answers(now);
  if (proof_.is_active()) poll_proof(now);
  if (state_ == State::live) n += take_losses(failure);
  if (state_ == State::live && !marks_.empty()) late_fence_.start_due(now, marks_, units_);
  if (state_ == State::live && units_.any_withheld() && !proof_.is_active() &&
      units_.ask(channels_, now) == AwayUnits::Next::prove)
    prove_again();
  if (state_ == State::live && rescan_.is_active() && !proof_.is_active()) n += poll_rescan(now);
  if (state_ == State::live && !channels_.is_complete()) n += poll_join(now);
  return state_ == State::live ? n : n + 1;
}

void Nexus::take_answers(base::Time now) noexcept {
  while (const auto answer = units_.take_answer(channels_, now)) {
    if (answer->event != scsi::Event::none) on_unit_event(answer->lun, answer->event);
    if (answer->next == AwayUnits::Next::prove) prove_again();
  }
}

void Nexus::poll_proof(base::Time now) {
  ended_.add(held_.take_overdue(now), Errc::timed_out);
  auto news = proof_.poll(now);
  if (news.kind == LiveProof::News::Kind::final) return dispatch(Event::ended_for_good, news.error);
  if (news.kind == LiveProof::News::Kind::none) return;
  on_proved(news.units);
  want_search();
  observer_.on_units_proved();
  release_held(Errc::timed_out);
}

// The found units are added between two proofs, so that each proof has all units of the session from its begin on.
std::size_t Nexus::poll_rescan(base::Time now) {
  const auto news = rescan_.poll(now);
  if (news == Rescan::News::none) return 0;
  if (news == Rescan::News::begun) {
    observer_.on_search_begun();
    return 1;
  }
  const auto found = rescan_.take(now);
  if (!found.units.empty()) joins_.drop(now);  // each channel proves all units
  if (options_.fence_first_login)
    for (const auto& unit : found.units) marks_.mark(unit.lun);
  units_.add(found.units, marks_, now);
  observer_.on_search_ended(found.error);
  return 1;
}

// Handles the loss of the session, or of failed channels while others live.
std::size_t Nexus::take_losses(const std::optional<Error>& failure) {
  const auto losses = channels_.look_for_losses(failure);
  switch (losses.of) {
    case Losses::Of::nothing: return 0;
    case Losses::Of::channels:
      for (const auto& link : channels_.all())
        if (link->is_live() && link->channel.failure()) lose_channel(*link);
      return 1;
    case Losses::Of::session: break;
  }
  if (losses.by_target && contest_.on_ended_by_target(clock_.now())) {
    dispatch(Event::ended_for_good, eviction());
  } else {
    if (!losses.by_target) contest_.reset();
    dispatch(Event::connection_lost, losses.cause);
  }
  return 1;
}

std::size_t Nexus::poll_join(base::Time now) {
  std::size_t work = 0;
  const auto outcome = joins_.poll(now, proof_.is_active(), work);
  if (!outcome) return work;
  const auto live = static_cast<std::uint32_t>(channels_.live().size());
  const bool joined = outcome->error.code == Errc::ok;
  if (joined) {
    ++record_.cache_epoch;
    want_search();
  }
  if (outcome->untold) observer_.on_channels(live, outcome->error);
  if (joined) observer_.on_units_proved();
  switch (outcome->doubt) {
    case Doubt::none: break;
    case Doubt::units: prove_again(); break;
    case Doubt::channels: channels_.ask_peers(units_.keepalive_lun(), now); break;
  }
  return work;
}

std::size_t Nexus::run_timers() {
  const auto now = clock_.now();
  std::size_t n = 0;
  if (now >= held_.next_give_up()) {
    ++n;
    ended_.add(held_.take_overdue(now), Errc::no_connect);
  }
  for (; const auto event = timers_.take_due(now); ++n) {
    switch (*event) {
      case Event::fast_io_fail_expired: dispatch(*event, record_.last_error); break;
      case Event::dev_loss_expired:
        dispatch(*event, base::make_error(Errc::no_connect, "not back within dev_loss, {} ms",
                                          options_.dev_loss->count()));
        break;
      default: dispatch(*event);
    }
  }
  return n;
}

// Memory stays registered over an outage, because pinning may take longer than a login. But an RDMA device
// cannot be removed while something is registered with it, and only connections learn of a removal. So the
// device is released when it is known to be gone, when an attempt did not reach a device, and when there are
// no attempts.
bool Nexus::holds_idle_device() const noexcept {
  const auto& device = memories_.device();
  if (state_ == State::live || !device || channels_.any_open()) return false;
  return device->gone() || !record_.device_reached || (!attempt_ && timers_.retry_at() == base::kNever);
}

void Nexus::let_device_go() noexcept {
  memories_.let_device_go();
  context_.proof.let_device_go();
  context_.proof.search().let_device_go();
  channels_.let_device_go();
}

bool Nexus::has_work() const noexcept {
  if (!ended_.empty()) return true;
  if (state_ != State::live) return holds_idle_device();
  return (proof_.is_active() && proof_.is_due(clock_.now())) || channels_.has_sendable();
}

base::Time Nexus::next_deadline() const noexcept {
  auto next = std::min(timers_.next(), held_.next_give_up());
  if (attempt_) next = std::min(next, attempt_->next());
  if (state_ != State::live) return next;
  const bool proving = proof_.is_active();
  next = std::min({next, channels_.next_deadline(!proving), proof_.next(), late_fence_.due_at(marks_, units_),
                   joins_.next(proving)});
  return proving ? next : std::min({next, units_.next_question(), rescan_.next()});
}

bool Nexus::arm() noexcept { return !has_work() && channels_.arm(); }

void Nexus::append_fds(std::vector<int>& fds) const {
  if (attempt_) return attempt_->append_fds(fds);
  for (auto* link : channels_.live()) link->channel.endpoint().append_fds(fds);
  joins_.append_fds(fds);
}

}  // namespace srpi::session
