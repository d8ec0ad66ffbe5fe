// SPDX-License-Identifier: Apache-2.0
#include "scsi/disposition.hpp"

#include <algorithm>

#include "scsi/disposition_table.hpp"

namespace srpi::scsi {
namespace {

constexpr auto& kRows = kDispositionTable;

// Every status of SAM-5 has a row of its own with every sense key, without sense data and with a deferred
// error.
constexpr bool every_case_has_its_row() {
  constexpr auto kLast = kRows.size() - 1;
  for (const auto status : kStatuses) {
    if (disposition_row(status, nullptr) == kLast) return false;
    for (unsigned key = 0; key < kSenseKeys; ++key) {
      Sense sense = make_sense(static_cast<SenseKey>(key), {0xff, 0xff});
      if (disposition_row(status, &sense) == kLast) return false;
      sense.deferred = true;
      if (disposition_row(status, &sense) == kLast) return false;
    }
  }
  return true;
}
static_assert(every_case_has_its_row());

constexpr bool no_row_is_hidden_by_an_earlier_one() {
  for (std::size_t later = 1; later < kRows.size(); ++later)
    for (std::size_t earlier = 0; earlier < later; ++earlier)
      if (kRows[earlier].covers(kRows[later])) return false;
  return true;
}
static_assert(no_row_is_hidden_by_an_earlier_one());

// Exactly the retries have a class with a limit, and exactly `complete` has Errc::ok.
constexpr bool rows_are_consistent() {
  for (const auto& row : kRows) {
    const auto& d = row.disposition;
    const bool retries = d.action == Action::retry_now || d.action == Action::retry_later;
    if (retries != (d.retry_class != RetryClass::none)) return false;
    if ((d.action == Action::complete) != (d.error == Errc::ok)) return false;
    const auto& limit = kRetryLimits[static_cast<std::size_t>(d.retry_class)];
    if (retries && limit.max_retries == 0) return false;
    if (retries && (d.action == Action::retry_later) != (limit.first_delay > base::Duration{0})) return false;
  }
  for (std::size_t i = 0; i < kRetryLimits.size(); ++i)
    if (kRetryLimits[i].retry_class != static_cast<RetryClass>(i)) return false;
  return true;
}
static_assert(rows_are_consistent());

}  // namespace

Disposition classify(Status status, const Sense* sense) noexcept {
  return kRows[disposition_row(status, sense)].disposition;
}

std::optional<base::Duration> RetryBudget::next(RetryClass c) noexcept {
  const auto& limit = kRetryLimits[static_cast<std::size_t>(c)];
  auto& used = used_[static_cast<std::size_t>(c)];
  if (used >= limit.max_retries) return std::nullopt;
  auto delay = limit.first_delay;
  for (unsigned i = 0; i < used && delay < limit.max_delay; ++i) delay *= 2;
  ++used;
  return std::min(delay, limit.max_delay);
}

const char* to_string(Action action) noexcept {
  switch (action) {
    case Action::complete: return "complete";
    case Action::fail: return "fail";
    case Action::retry_now: return "retry now";
    case Action::retry_later: return "retry later";
  }
  return "unknown action";
}

const char* to_string(Event event) noexcept {
  switch (event) {
    case Event::none: return "none";
    case Event::capacity_changed: return "capacity changed";
    case Event::luns_changed: return "logical units changed";
    case Event::lun_reset: return "logical unit reset";
    case Event::mode_parameters_changed: return "mode parameters changed";
    case Event::identity_changed: return "identity changed";
    case Event::medium_changed: return "medium changed";
    case Event::reservations_changed: return "reservations changed";
    case Event::space_low: return "space low";
    case Event::failure_predicted: return "failure predicted";
    case Event::deferred_error: return "deferred error";
  }
  return "unknown event";
}

const char* to_string(RetryClass c) noexcept {
  switch (c) {
    case RetryClass::none: return "none";
    case RetryClass::unit_attention: return "unit attention";
    case RetryClass::busy: return "busy";
    case RetryClass::queue_full: return "queue full";
    case RetryClass::becoming_ready: return "becoming ready";
    case RetryClass::aborted: return "aborted";
  }
  return "unknown retry class";
}

}  // namespace srpi::scsi
