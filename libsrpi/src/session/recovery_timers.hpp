// SPDX-License-Identifier: Apache-2.0
// The timers of a session that is not live: the next attempt, the end of held I/O, the erasure. Each raises
// its event once.
#pragma once

#include <cstdint>
#include <optional>

#include "session/backoff.hpp"
#include "session/transitions.hpp"

namespace srpi::session {

class RecoveryTimers {
 public:
  static constexpr base::Duration kShortLife = std::chrono::seconds(1);
  static constexpr std::uint32_t kShortLives = 3;

  RecoveryTimers(const SessionOptions&, base::Random&) noexcept;

  void on_live(base::Time now) noexcept;
  void on_loss(base::Time now) noexcept;
  // True if the first attempt after a loss starts at once. After several connections in a row that were lost soon
  // after their login, it has the delay of an attempt after a failed one.
  [[nodiscard]] bool starts_at_once() const noexcept { return short_lives_ <= kShortLives; }
  void schedule_retry(base::Time now) noexcept;
  void stop_retry() noexcept { retry_at_ = base::kNever; }
  void stop_fast_io_fail() noexcept { fast_io_fail_at_ = base::kNever; }
  void stop() noexcept;
  // For a requested attempt: the peer has the whole connect_timeout to answer.
  void forget_patience() noexcept { patience_ = {}; }
  // How long the next attempt waits for the login's answer.
  [[nodiscard]] base::Duration next_patience() noexcept;

  // Stops a timer that is over and returns its event.
  [[nodiscard]] std::optional<Event> take_due(base::Time now) noexcept;
  [[nodiscard]] base::Time next() const noexcept;
  [[nodiscard]] base::Time retry_at() const noexcept { return retry_at_; }
  [[nodiscard]] base::Time fast_io_fail_at() const noexcept { return fast_io_fail_at_; }
  [[nodiscard]] base::Time dev_loss_at() const noexcept;

 private:
  const SessionOptions& options_;
  base::Time retry_at_ = base::kNever, fast_io_fail_at_ = base::kNever;
  base::Time lost_at_ = base::kNever;  // dev_loss counts from here; it may change meanwhile
  Backoff retry_delay_;
  base::Time live_since_{};
  std::uint32_t short_lives_ = 0;  // losses in a row of connections that were live for a short time
  base::Duration patience_{};      // of the next automatic attempt after a loss; zero: connect_timeout
};

}  // namespace srpi::session
