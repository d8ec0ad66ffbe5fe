// SPDX-License-Identifier: Apache-2.0
// The driver of the table: dispatches events and performs actions.
#include "session/nexus.hpp"

#include "base/check.hpp"
#include "base/make_error.hpp"

namespace srpi::session {

Nexus::Nexus(fabric::Fabric& fabric, const TargetAddress& target, const SessionOptions& options,
             const base::Clock& clock, base::Random random, Proof& proof, NexusObserver& observer)
    : options_(options),
      clock_(clock),
      observer_(observer),
      random_(random),
      units_(options, random_),
      context_{fabric, options, clock, proof, memories_, marks_, units_, target, options.initiator_port_id},
      channels_(options, clock, random_, *this),
      joins_(context_, channels_),
      late_fence_(options, channels_.resets()),
      proof_(context_, channels_, joins_),
      rescan_(context_, channels_, random_),
      timers_(options, random_) {
  context_.initiator_ext = options.initiator_ext.value_or(random_.next());
  if (options.fence_first_login) marks_.mark_all_units();
  start_attempt();
}

Nexus::~Nexus() { erase(); }

void Nexus::disconnect() {
  dispatch(Event::disconnect_requested);
  ended_.complete();  // if nothing had to be torn down
}

void Nexus::reconnect() {
  contest_.reset();
  timers_.forget_patience();
  if (state_ == State::live) {
    joins_.try_now(clock_.now());
    if (units_.any_withheld()) {
      (void)units_.ask_stuck(channels_, clock_.now(), StuckResets::Why::request);
      prove_again();
    }
  }
  dispatch(Event::reconnect_requested);
}

void Nexus::rescan() noexcept {
  context_.proof.search().forget_silence();
  rescan_.want();
  prove_again();
}

void Nexus::erase() {
  dispatch(Event::erase_requested);
  ended_.complete();
  let_device_go();
}

void Nexus::dispatch(Event event, const Error& cause) {
  const auto& row = transition(state_, event);
  ++record_.rows_taken[static_cast<std::size_t>(&row - transitions().data())];
  if (row.action == Action::ignore) return;
  SRPI_CHECK(row.action != Action::impossible);
  const auto from = state_;
  state_ = row.next;
  if (cause.code != Errc::ok || event == Event::disconnect_requested)
    record_.last_error = base::copy_of(cause);
  // When the observer is told of a state, its effect on requests has taken place already. Only
  // `disconnecting` is reported before.
  const bool tell_first = row.action == Action::tear_down && row.next == State::disconnecting;
  if (tell_first) observer_.on_state(from, state_, cause);
  perform(row.action, cause);
  if (!tell_first && from != row.next) observer_.on_state(from, row.next, cause);
  if (row.action == Action::tear_down) dispatch(Event::drained);
  if (row.action == Action::lose) {
    if (options_.fast_io_fail.count() == 0) dispatch(Event::fast_io_fail_expired, cause);
    if (!timers_.starts_at_once()) return timers_.schedule_retry(clock_.now());
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
      return timers_.schedule_retry(clock_.now());
    case Action::go_live: return become_live();
    case Action::lose: return lose();
    case Action::fail_held_io:
      timers_.stop_fast_io_fail();
      return ended_.add(held_.take_all(), Errc::no_connect);
    case Action::abandon:
      ++record_.losses;
      timers_.stop();
      end_channels(Aftermath::nothing);
      return ended_.add(held_.take_all(), Errc::no_connect);
    case Action::give_up:
      timers_.stop();
      observer_.on_attempt_failed(cause);
      return ended_.add(held_.take_all(), Errc::no_connect);
    case Action::tear_down: return tear_down();
  }
}

// The attempt's proof has already updated the units' states. Only the first login's has also found the units.
void Nexus::become_live() {
  timers_.on_live(clock_.now());
  if (record_.connects++ > 0 || context_.proof.search().is_worth_repeating()) want_search();
  ++record_.cache_epoch;
  record_.last_error = {};
  channels_.note_first_login();
  channels_.go_live(channels_.first());
  channels_.set_error({});
  joins_.try_now(clock_.now());
  if (units_.ask_stuck(channels_, clock_.now(), StuckResets::Why::time) == AwayUnits::Next::prove)
    prove_again();
  release_held(Errc::no_connect);
}

void Nexus::lose() {
  const auto now = clock_.now();
  ++record_.losses;
  held_.begin(now);
  end_channels(options_.fast_io_fail.count() > 0 ? Aftermath::held_io : Aftermath::nothing);
  timers_.on_loss(now);
}

void Nexus::tear_down() {
  const auto from = clock_.now();
  timers_.stop();
  attempt_.reset();
  ended_.add(held_.take_all(), Errc::no_connect);
  end_channels(Aftermath::nothing);
  ended_.complete();
  record_.last_disconnect = clock_.now() - from;
}

void Nexus::start_attempt() {
  attempt_.reset();
  for (const auto& link : channels_.all()) close(link->channel, marks_, clock_.now());
  timers_.stop_retry();
  attempt_.emplace(context_, channels_.first().channel, timers_.next_patience());
  ++record_.fds_version;
}

Error Nexus::eviction() const {
  return base::make_error(Errc::evicted,
                          "another initiator logs in there with our port id {}, and each login ends the "
                          "other's connection; give every session an initiator extension of its own, then "
                          "reconnect",
                          [&] { return record_.initiator_port_id.to_string(); });
}

}  // namespace srpi::session
