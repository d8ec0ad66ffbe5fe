// SPDX-License-Identifier: Apache-2.0
// The driver: every event goes through the table, every action has its place here.
#include "session/nexus.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "base/no_memory.hpp"

namespace srpi::session {
namespace {

constexpr base::Duration kFirstPatience = std::chrono::seconds(1);

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
    : fabric_(fabric), options_(options), clock_(clock), random_(random), probe_(probe), observer_(observer) {
  for (std::uint32_t i = 0; i < options.channels; ++i) {
    auto& link = *links_.emplace_back(std::make_unique<Link>(*this, channel_limits(options), clock,
                                                             static_cast<UnitEventSink&>(*this), resets_,
                                                             static_cast<std::uint16_t>(i)));
    link.keepalive.cdb = scsi::test_unit_ready();
    link.keepalive.owner = &link;
    link.keepalive.rescue = false;
    link.keepalive.on_complete = &Nexus::on_keepalive;
    resets_.add(link.channel);
  }
  live_.reserve(links_.size());
  question_.cdb = scsi::test_unit_ready();
  question_.owner = this;
  question_.rescue = false;
  question_.on_complete = &Nexus::on_away_answer;
  identity_.target = target;
  identity_.initiator_port_id = options.initiator_port_id;
  identity_.initiator_ext =
      target.initiator_ext ? *target.initiator_ext : options.initiator_ext.value_or(random_.next());
  if (options.fence_first_login) unfenced_.all_units = true;
  start_attempt();
}

Nexus::~Nexus() { erase(); }

void Nexus::disconnect() {
  dispatch(Event::disconnect_requested);
  complete_rejected();  // where nothing had to be torn down
}
void Nexus::reconnect() {
  contest_.reset();
  patience_ = {};
  if (state_ == State::live) {
    try_channels_now();
    if (withholding_) {
      ask_stuck(true);
      prove_again();
    }
  }
  dispatch(Event::reconnect_requested);
}
void Nexus::erase() {
  dispatch(Event::erase_requested);
  complete_rejected();
  let_device_go();
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
    case Action::impossible:
      return;
    case Action::start_attempt:
      return start_attempt();
    case Action::schedule_retry:
      observer_.on_attempt_failed(cause);
      return schedule_retry();
    case Action::go_live:
      stop_timers();
      ++connects_;
      last_error_ = {};
      usable_segments_ = links_.front()->channel.usable_segments();
      go_live(*links_.front());
      channel_error_ = {};
      try_channels_now();
      note_away();
      return release_held(Errc::no_connect);
    case Action::lose:
      ++losses_;
      held_since_ = clock_.now();
      close_channels(options_.fast_io_fail.count() > 0);
      retry_delay_ = {};
      patience_ = kFirstPatience;
      if (options_.fast_io_fail.count() > 0) fast_io_fail_at_ = clock_.now() + options_.fast_io_fail;
      if (options_.dev_loss) dev_loss_at_ = clock_.now() + *options_.dev_loss;
      return;
    case Action::fail_held_io:
      fast_io_fail_at_ = base::kNever;
      return fail_held();
    case Action::abandon:
      ++losses_;
      stop_timers();
      close_channels(false);
      return fail_held();
    case Action::give_up:
      stop_timers();
      observer_.on_attempt_failed(cause);
      return fail_held();
    case Action::tear_down: {
      const auto from = clock_.now();
      stop_timers();
      attempt_.reset();
      fail_held();
      close_channels(false);
      complete_rejected();
      last_disconnect_ = clock_.now() - from;
      return;
    }
  }
}

void Nexus::close_channels(bool keep_commands) {
  drop_join();
  if (std::ranges::none_of(links_, [](const auto& l) { return l->channel.is_open(); })) return;
  const auto from = clock_.now();
  end_proof();
  end_fence();
  CommandList kept;
  for (const auto& link : links_) {
    leave(*link);
    const auto aftermath = keep_commands ? Aftermath::recovery : Aftermath::nothing_kept;
    auto lost = end_channel(link->channel, aftermath, options_.fence, from, unfenced_);
    while (auto* c = lost.kept.pop_front()) kept.push_back(*c);
  }
  end_doubtful(keep_commands ? &kept : nullptr);
  resets_.end_all();
  while (auto* c = kept.pop_front()) hold(*c);
  last_disconnect_ = clock_.now() - from;
  ++fds_version_;
}

void Nexus::start_attempt() {
  attempt_.reset();
  for (const auto& link : links_) fail_channel(link->channel, clock_.now(), unfenced_);
  retry_at_ = base::kNever;
  attempt_.emplace(fabric_, identity_, options_, links_.front()->channel, memories_, probe_, unfenced_,
                   clock_, next_patience());
  ++fds_version_;
}

// A login request that was lost is repeated by the kernel's connection manager after more than 4 s. Who has lost
// the connection asks again before that: after one second at first, a slow target gets more time each time.
base::Duration Nexus::next_patience() noexcept {
  const base::Duration all = options_.connect_timeout;
  return patience_.count() == 0 ? all : std::min(all, std::exchange(patience_, 2 * patience_));
}

void Nexus::schedule_retry() {
  if (options_.reconnect_delay) retry_at_ = clock_.now() + next_delay(retry_delay_);
}

// Permitted where automatic attempts are.
base::Duration Nexus::next_delay(base::Duration& delay) noexcept {
  const base::Duration cap = *options_.reconnect_delay;
  delay = std::min(cap, delay.count() == 0 ? base::Duration(options_.reconnect_first_delay) : 2 * delay);
  // Up to a quarter less, so that many initiators do not come back in step.
  return delay - base::Duration(random_.below(static_cast<std::uint64_t>(delay.count()) / 4 + 1));
}

void Nexus::stop_timers() noexcept {
  retry_at_ = fast_io_fail_at_ = dev_loss_at_ = next_give_up_ = base::kNever;
  retry_delay_ = patience_ = {};
}

}  // namespace srpi::session
