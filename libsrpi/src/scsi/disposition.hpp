// SPDX-License-Identifier: Apache-2.0
// What to do about a command's outcome: one table (disposition_table.hpp) from status and sense to a
// disposition.
//
// A target's answer can only be retried so often. Every kind of retry has its own bound (kRetryLimits), and
// RetryBudget counts them for one request; when a bound is reached the request fails with the disposition's
// `error`. The command deadline, which the session keeps, ends it earlier.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "scsi/sense.hpp"
#include "scsi/status.hpp"
#include "srpi/error.hpp"

namespace srpi::scsi {

enum class Action : std::uint8_t {
  complete,  // the target says that the command was performed
  fail,      // with `error`, at once
  retry_now,
  retry_later,  // after a back-off
};
[[nodiscard]] const char* to_string(Action) noexcept;

// What the owner of the logical unit should hear about, whatever becomes of the command.
enum class Event : std::uint8_t {
  none,
  capacity_changed,  // ask READ CAPACITY again
  luns_changed,      // ask REPORT LUNS again, prove the unit again
  lun_reset,         // power on, reset or nexus loss: unit state and cache policy may be back to defaults
  mode_parameters_changed,  // ask MODE SENSE again
  identity_changed,         // INQUIRY data or device identifier changed: prove the unit again
  medium_changed,           // ask READ CAPACITY again, prove the unit again
  reservations_changed,
  space_low,  // soft threshold of a thin-provisioned unit
  failure_predicted,
  deferred_error,  // an earlier write that had been acknowledged from a cache was lost
};
[[nodiscard]] const char* to_string(Event) noexcept;

// After these a different logical unit may answer at the LUN: nothing may be written, not even the retry of
// this command, before the unit has been proved again (scsi/identity.hpp).
[[nodiscard]] constexpr bool needs_proof(Event event) noexcept {
  return event == Event::luns_changed || event == Event::identity_changed || event == Event::medium_changed;
}

enum class RetryClass : std::uint8_t { none, unit_attention, busy, queue_full, becoming_ready, aborted };
inline constexpr std::size_t kRetryClasses = 6;
[[nodiscard]] const char* to_string(RetryClass) noexcept;

struct Disposition {
  Action action = Action::fail;
  Errc error = Errc::target_error;  // fail: this; retries: this when they are used up; complete: ok
  RetryClass retry_class = RetryClass::none;
  Event event = Event::none;
  friend constexpr bool operator==(const Disposition&, const Disposition&) = default;
};

struct RetryLimit {
  RetryClass retry_class;
  std::uint8_t max_retries;
  base::Duration first_delay, max_delay;  // doubling from the first to the greatest
};
inline constexpr std::array<RetryLimit, kRetryClasses> kRetryLimits{{
    {RetryClass::none, 0, std::chrono::nanoseconds{0}, std::chrono::nanoseconds{0}},
    // One LUN can have several unit attentions queued (reset, LUNs changed, capacity, mode): at once, but not
    // for ever.
    {RetryClass::unit_attention, 8, std::chrono::nanoseconds{0}, std::chrono::nanoseconds{0}},
    // About five seconds in all. ib_srpt answers BUSY to what it cannot parse, so this must end.
    {RetryClass::busy, 24, std::chrono::milliseconds{1}, std::chrono::milliseconds{300}},
    {RetryClass::queue_full, 60, std::chrono::milliseconds{1}, std::chrono::milliseconds{100}},
    // About a minute: a controller fail-over or start-up.
    {RetryClass::becoming_ready, 34, std::chrono::milliseconds{100}, std::chrono::milliseconds{2000}},
    {RetryClass::aborted, 5, std::chrono::milliseconds{1}, std::chrono::milliseconds{100}},
}};

// Of one request; a small value to keep inside it. The jitter is the caller's.
class RetryBudget {
 public:
  // The delay before the next retry, counted from here on; nothing when the bound of the class is reached.
  [[nodiscard]] std::optional<base::Duration> next(RetryClass) noexcept;
  [[nodiscard]] std::uint8_t used(RetryClass c) const noexcept { return used_[static_cast<std::size_t>(c)]; }

 private:
  std::array<std::uint8_t, kRetryClasses> used_{};
};

// `sense`: nullptr when none came, or none that could be decoded. Every combination has an answer. Only
// Action::complete is success; a GOOD status must still be checked for residuals.
[[nodiscard]] Disposition classify(Status status, const Sense* sense) noexcept;

}  // namespace srpi::scsi
