// SPDX-License-Identifier: Apache-2.0
#include "session/recovery_timers.hpp"

#include <utility>

namespace srpi::session {
namespace {

constexpr base::Duration kFirstPatience = std::chrono::seconds(1);

}  // namespace

RecoveryTimers::RecoveryTimers(const SessionOptions& options, base::Random& random) noexcept
    : options_(options), retry_delay_(options, random) {}

void RecoveryTimers::on_live(base::Time now) noexcept {
  retry_at_ = fast_io_fail_at_ = lost_at_ = base::kNever;
  patience_ = {};
  live_since_ = now;
}

void RecoveryTimers::on_loss(base::Time now) noexcept {
  short_lives_ = now - live_since_ < kShortLife ? short_lives_ + 1 : 0;
  if (starts_at_once()) retry_delay_.reset();
  patience_ = kFirstPatience;
  if (options_.fast_io_fail.count() > 0) fast_io_fail_at_ = now + options_.fast_io_fail;
  lost_at_ = now;
}

void RecoveryTimers::schedule_retry(base::Time now) noexcept { retry_at_ = retry_delay_.next(now); }

void RecoveryTimers::stop() noexcept {
  retry_at_ = fast_io_fail_at_ = lost_at_ = base::kNever;
  retry_delay_.reset();
  patience_ = {};
  short_lives_ = 0;
}

// The kernel's connection manager repeats a lost login request only after more than 4 s. So the first
// automatic attempt waits one second, and each next one longer, for slow targets.
base::Duration RecoveryTimers::next_patience() noexcept {
  const base::Duration all = options_.connect_timeout;
  return patience_.count() == 0 ? all : std::min(all, std::exchange(patience_, 2 * patience_));
}

std::optional<Event> RecoveryTimers::take_due(base::Time now) noexcept {
  const auto due = [now](base::Time at, base::Time& timer) {
    return now >= at && (timer = base::kNever, true);
  };
  if (due(fast_io_fail_at_, fast_io_fail_at_)) return Event::fast_io_fail_expired;
  if (due(dev_loss_at(), lost_at_)) return Event::dev_loss_expired;
  if (due(retry_at_, retry_at_)) return Event::retry_due;
  return std::nullopt;
}

base::Time RecoveryTimers::dev_loss_at() const noexcept {
  return options_.dev_loss && lost_at_ != base::kNever ? lost_at_ + *options_.dev_loss : base::kNever;
}

base::Time RecoveryTimers::next() const noexcept {
  return std::min({retry_at_, fast_io_fail_at_, dev_loss_at()});
}

}  // namespace srpi::session
