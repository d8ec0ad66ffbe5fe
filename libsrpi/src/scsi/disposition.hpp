// SPDX-License-Identifier: Apache-2.0
// What to do with the outcome of a command. One table (disposition_table.hpp) maps status and sense data to a
// disposition.
//
// Retries are limited. Every class of retry has its own limit (kRetryLimits), and RetryBudget counts the
// retries of one request. At the limit the request fails with the disposition's `error`. The command deadline
// may end it earlier.
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
  complete,  // the target performed the command
  fail,      // with `error`, at once
  retry_now,
  retry_later,  // after a back-off
};
[[nodiscard]] const char* to_string(Action) noexcept;

// An event for the owner of the logical unit, apart from the command's result.
enum class Event : std::uint8_t {
  none,
  capacity_changed,         // read the capacity again
  luns_changed,             // read REPORT LUNS again, prove the unit again
  lun_reset,                // power on, reset or nexus loss: the unit may have its default settings again
  mode_parameters_changed,  // read the mode parameters again
  identity_changed,         // INQUIRY data or device identifier changed: prove the unit
  medium_changed,           // read the capacity again, prove the unit again
  reservations_changed,
  space_low,  // soft threshold of a thin-provisioned unit
  failure_predicted,
  deferred_error,  // the unit lost an earlier write that it had acknowledged
};
[[nodiscard]] const char* to_string(Event) noexcept;

// After these events a different logical unit may answer at the LUN. Nothing may be written, not even the
// retry of this command, until the unit is proved again (scsi/identity.hpp).
[[nodiscard]] constexpr bool needs_proof(Event event) noexcept {
  return event == Event::luns_changed || event == Event::identity_changed || event == Event::medium_changed;
}

enum class RetryClass : std::uint8_t { none, unit_attention, busy, queue_full, becoming_ready, aborted };
inline constexpr std::size_t kRetryClasses = 6;
[[nodiscard]] const char* to_string(RetryClass) noexcept;

struct Disposition {
  Action action = Action::fail;
  Errc error = Errc::target_error;  // of the failure, or when the retries are used up
  RetryClass retry_class = RetryClass::none;
  Event event = Event::none;
  friend constexpr bool operator==(const Disposition&, const Disposition&) = default;
};

struct RetryLimit {
  RetryClass retry_class;
  std::uint8_t max_retries;
  base::Duration first_delay, max_delay;  // the delay doubles from first_delay to max_delay
};
inline constexpr std::array<RetryLimit, kRetryClasses> kRetryLimits{{
    {RetryClass::none, 0, std::chrono::nanoseconds{0}, std::chrono::nanoseconds{0}},
    // Retry at once, because a unit may have several unit attentions queued (reset, LUNs, capacity, mode).
    {RetryClass::unit_attention, 8, std::chrono::nanoseconds{0}, std::chrono::nanoseconds{0}},
    // About five seconds in all. ib_srpt answers BUSY to commands that it cannot parse, so the retries must
    // end.
    {RetryClass::busy, 24, std::chrono::milliseconds{1}, std::chrono::milliseconds{300}},
    {RetryClass::queue_full, 60, std::chrono::milliseconds{1}, std::chrono::milliseconds{100}},
    // About a minute, for a controller's fail-over or start-up.
    {RetryClass::becoming_ready, 34, std::chrono::milliseconds{100}, std::chrono::milliseconds{2000}},
    {RetryClass::aborted, 5, std::chrono::milliseconds{1}, std::chrono::milliseconds{100}},
}};

// Counts the retries of one request. The caller adds the jitter.
class RetryBudget {
 public:
  // Counts one retry and returns the delay before it; nullopt if the limit of the class is reached.
  [[nodiscard]] std::optional<base::Duration> next(RetryClass) noexcept;
  [[nodiscard]] std::uint8_t used(RetryClass c) const noexcept { return used_[static_cast<std::size_t>(c)]; }

 private:
  std::array<std::uint8_t, kRetryClasses> used_{};
};

// `sense` is nullptr if there was no sense data or it could not be decoded. Only Action::complete is success.
// After GOOD the caller must also check the residuals.
[[nodiscard]] Disposition classify(Status status, const Sense* sense) noexcept;

}  // namespace srpi::scsi
