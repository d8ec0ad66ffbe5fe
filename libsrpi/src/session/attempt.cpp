// SPDX-License-Identifier: Apache-2.0
// The steps of an attempt.
#include "session/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/lun.hpp"

namespace srpi::session {
bool ends_for_good(Errc e) noexcept {
  return e == Errc::login_rejected || e == Errc::identity_mismatch || e == Errc::evicted ||
         e == Errc::invalid_argument || e == Errc::already_exists;
}

AttemptOutcome ended_with(const Error& error) { return {error, ends_for_good(error.code)}; }

bool ended_by_target(const fabric::ConnectionEvent& event, const Channel& channel) noexcept {
  if (event.kind != fabric::ConnectionEvent::Kind::disconnected || event.error.code == Errc::device_removed)
    return false;
  return !channel.logged_out() || channel.logged_out() == wire::LogoutReason::multichannel_action;
}

const char* Attempt::describe(Step step) noexcept {
  switch (step) {
    case Step::opening: return "opening the connection";
    case Step::resolving: return "resolving address and route";
    case Step::logging_in: return "waiting for the answer to the login";
    case Step::proving: return "asking about the logical units";
    case Step::fencing: return "waiting for LOGICAL UNIT RESET to end the writes of an earlier connection";
  }
  return "?";
}

Attempt::Attempt(const LoginContext& context, Channel& channel, base::Duration patience,
                 wire::MultiChannel action)
    : context_(context),
      channel_(channel),
      begun_(context.clock.now()),
      deadline_(begun_ + patience),
      action_(action),
      requested_iu_bytes_(context.options.max_it_iu_bytes),
      immediate_data_(context.options.immediate_data) {}

Attempt::~Attempt() {
  context_.proof.cancel();
  channel_.withdraw(reset_);
  if (resolving_) resolving_->abort();
}

fabric::ActiveEndpoint* Attempt::endpoint() const noexcept {
  return resolving_ ? resolving_.get() : channel_.is_open() ? &channel_.endpoint() : nullptr;
}

void Attempt::append_fds(std::vector<int>& fds) const {
  if (auto* e = endpoint()) e->append_fds(fds);
}

std::optional<AttemptOutcome> Attempt::poll(std::size_t& work) {
  if (step_ == Step::opening) {
    ++work;
    if (auto done = open(); !done) return ended_with(done.error());
  }
  if (auto* e = endpoint()) {
    if (const auto event = e->next_event()) {
      ++work;
      if (auto ended = on_event(*event)) return ended;
    }
  }
  if (channel_.is_open())
    if (auto ended = poll_channel(work)) return ended;
  if (step_ == Step::proving) {
    if (auto ended = poll_proof(work)) return ended;
  } else if (step_ == Step::fencing) {
    if (auto ended = poll_fence()) return ended;
  }
  if (context_.clock.now() < deadline_) return std::nullopt;
  return overdue();
}

base::Time Attempt::next() const noexcept {
  return step_ == Step::proving ? std::min(deadline_, context_.proof.next()) : deadline_;
}

Result<> Attempt::open() {
  fabric::ConnectOptions connect;
  connect.retry_count = context_.options.retry_count;
  connect.ack_timeout_exponent = context_.options.ack_timeout_exponent;
  auto endpoint = context_.fabric.open(context_.target, connect);
  if (!endpoint) return endpoint.error();
  resolving_ = std::move(*endpoint);
  step_ = Step::resolving;
  return {};
}

Attempt::Ended Attempt::on_event(const fabric::ConnectionEvent& event) {
  using Kind = fabric::ConnectionEvent::Kind;
  switch (event.kind) {
    case Kind::resolved:
      if (step_ != Step::resolving) return ended_with({Errc::protocol_error, "resolved twice"});
      if (auto done = log_in(); !done) return ended_with(done.error());
      return std::nullopt;
    case Kind::established:
      if (step_ != Step::logging_in)
        return ended_with({Errc::protocol_error, "established before the login"});
      return on_established(event);
    case Kind::rejected: return on_rejected(event);
    case Kind::failed: return ended_with(event.error);
    case Kind::disconnected: {
      auto ended = ended_with(event.error);
      ended.ended_by_target = ended_another_.has_value() && ended_by_target(event, channel_);
      return ended;
    }
  }
  return std::nullopt;
}

Attempt::Ended Attempt::poll_channel(std::size_t& work) {
  work += channel_.poll();
  channel_.flush();
  if (!channel_.failure()) return std::nullopt;
  // The connection manager may know the cause better than the failed completion.
  if (const auto event = channel_.endpoint().next_event())
    if (auto ended = on_event(*event)) return ended;
  auto ended = ended_with(*channel_.failure());
  ended.ended_by_target = channel_.logged_out() == wire::LogoutReason::multichannel_action;
  return ended;
}

Attempt::Ended Attempt::poll_proof(std::size_t& work) {
  const auto outcome = context_.proof.outcome();
  if (!outcome) return std::nullopt;
  ++work;
  if (outcome->has_error()) {
    auto ended = ended_with(outcome->error());
    ended.doubt = Doubt::units;
    return ended;
  }
  if (joins()) return AttemptOutcome{};
  proved_ = **outcome;
  context_.units.know(proved_);
  context_.marks.units_found(proved_);
  return fence_next();
}

// Permitted only after the proof: never reset a unit that we have not identified.
Attempt::Ended Attempt::fence_next() {
  const auto is_away = [&](std::uint64_t lun) {
    const auto unit = std::ranges::find(proved_, lun, &ProvedUnit::lun);
    return unit != proved_.end() && unit->answer != ProvedUnit::Answer::proved;
  };
  const auto marked = context_.marks.luns();
  const auto next = std::ranges::find_if_not(marked, is_away);
  if (!context_.options.fence || next == marked.end()) {
    AttemptOutcome success;
    success.units = proved_;
    return success;
  }
  step_ = Step::fencing;
  start_reset(*next);
  channel_.flush();
  return std::nullopt;
}

void Attempt::start_reset(std::uint64_t lun) {
  reset_ = {};
  reset_.function = wire::TaskFunction::lun_reset;
  reset_.lun = lun;
  reset_.deadline = deadline_;
  reset_.owner = this;
  reset_.on_complete = [](Tmf& t) noexcept { static_cast<Attempt*>(t.owner)->reset_answered_ = true; };
  reset_answered_ = false;
  reset_at_ = context_.clock.now();
  channel_.submit(reset_);
}

Attempt::Ended Attempt::poll_fence() {
  if (!reset_answered_) return std::nullopt;
  if (auto ended = on_reset_answered()) return ended;
  return fence_next();
}

Attempt::Ended Attempt::on_reset_answered() {
  const auto lun = wire::lun_to_string(reset_.lun);
  if (reset_.error != Errc::ok)
    return AttemptOutcome{{Errc::connect_timed_out,
                           fmt::format("LUN {}: no answer to LOGICAL UNIT RESET, which has to end what an "
                                       "earlier connection left unanswered",
                                       lun)}};
  if (!reset_.confirmed())
    return AttemptOutcome{
        {Errc::target_error,
         fmt::format("LUN {}: LOGICAL UNIT RESET, which has to end writes that an earlier connection left "
                     "unanswered, was answered '{}' (with the option fence turned off it is not asked for)",
                     lun, wire::to_string(reset_.result))}};
  context_.marks.clear(reset_.lun);
  return std::nullopt;
}

// The next attempt leaves out a unit that has kept this one waiting. Attempts of further channels do not
// decide about units.
void Attempt::note_silence() noexcept {
  if (joins() || channel_.most_aside() == 0) return;
  const auto least = context_.options.connect_timeout / 4;
  if (step_ == Step::fencing) {
    if (context_.clock.now() - reset_at_ >= least) context_.units.on_silence_at_login(reset_.lun);
  } else if (step_ == Step::proving) {
    const auto* const oldest = channel_.oldest_unanswered();
    if (oldest && channel_.unanswered_for(*oldest) >= least) context_.units.on_silence_at_login(oldest->lun);
  }
}

// The error also says why earlier addresses of the host failed.
AttemptOutcome Attempt::overdue() {
  note_silence();
  const auto* names = resolving_ ? resolving_->looking_up() : nullptr;
  auto words =
      fmt::format("{} ms were over while {}", std::chrono::ceil<Milliseconds>(deadline_ - begun_).count(),
                  names != nullptr ? "looking up " + *names : describe(step_));
  const auto* const silent =
      step_ == Step::proving && channel_.is_open() ? channel_.oldest_unanswered() : nullptr;
  if (silent) words += fmt::format("; LUN {} has not answered", wire::lun_to_string(silent->lun));
  if (const auto* earlier = resolving_ ? resolving_->passed_over() : nullptr)
    words += ", after " + earlier->detail;
  return {{Errc::connect_timed_out, std::move(words)}};
}

}  // namespace srpi::session
