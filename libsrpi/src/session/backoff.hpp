// SPDX-License-Identifier: Apache-2.0
// The growing delay between tries: reconnect_first_delay before the second try, twice as long before each
// next one, at most reconnect_delay.
#pragma once

#include <algorithm>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "srpi/session_options.hpp"

namespace srpi::session {

class Backoff {
 public:
  Backoff(const SessionOptions& options, base::Random& random) noexcept
      : options_(options), random_(random) {}

  // When to try again; never if automatic attempts are off.
  [[nodiscard]] base::Time next(base::Time now) noexcept {
    if (!options_.reconnect_delay) return base::kNever;
    const base::Duration most = *options_.reconnect_delay;
    delay_ =
        std::min(most, delay_.count() == 0 ? base::Duration(options_.reconnect_first_delay) : 2 * delay_);
    // Up to a quarter less, so that many initiators do not come back at the same moment.
    return now + delay_ - base::Duration(random_.below(static_cast<std::uint64_t>(delay_.count()) / 4 + 1));
  }
  void reset() noexcept { delay_ = {}; }

 private:
  const SessionOptions& options_;
  base::Random& random_;
  base::Duration delay_{};  // the last delay; zero: none yet
};

}  // namespace srpi::session
