// SPDX-License-Identifier: Apache-2.0
// The retry table: it maps the status and sense data of a command to a disposition. The first matching row
// counts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "scsi/disposition.hpp"

namespace srpi::scsi {

struct DispositionRow {
  static constexpr std::int16_t kAny = -1;
  static constexpr std::int16_t kNoSense = -2;  // in `key`: there is no usable sense data

  std::int16_t status;
  std::int16_t key;
  std::int16_t asc, ascq;
  std::int16_t deferred;  // 0, 1 or kAny
  Disposition disposition;

  [[nodiscard]] constexpr bool matches(Status s, const Sense* sense) const noexcept {
    if (status != kAny && status != static_cast<std::int16_t>(s)) return false;
    if (key == kAny && asc == kAny && deferred == kAny) return true;
    if (sense == nullptr) return key == kNoSense;
    return is(key, static_cast<std::int16_t>(sense->key)) && is(asc, sense->additional.code) &&
           is(ascq, sense->additional.qualifier) && is(deferred, sense->deferred ? 1 : 0);
  }
  // True if this row matches everything that `other` matches.
  [[nodiscard]] constexpr bool covers(const DispositionRow& other) const noexcept {
    const bool whole = key == kAny && asc == kAny && deferred == kAny;
    const bool key_covers = other.key == kNoSense ? whole || key == kNoSense : is(key, other.key);
    return is(status, other.status) && key_covers && is(asc, other.asc) && is(ascq, other.ascq) &&
           is(deferred, other.deferred);
  }

 private:
  [[nodiscard]] static constexpr bool is(std::int16_t wanted, std::int16_t value) noexcept {
    return wanted == kAny || wanted == value;
  }
};

namespace table {

inline constexpr std::int16_t kAny = DispositionRow::kAny;
inline constexpr Disposition kComplete{Action::complete, Errc::ok, RetryClass::none, Event::none};

constexpr Disposition complete_with(Event event) {
  return {Action::complete, Errc::ok, RetryClass::none, event};
}
constexpr Disposition fail(Errc error, Event event = Event::none) {
  return {Action::fail, error, RetryClass::none, event};
}
constexpr Disposition later(RetryClass c, Errc error) { return {Action::retry_later, error, c, Event::none}; }
constexpr Disposition attention(Event event = Event::none) {
  return {Action::retry_now, Errc::unit_attention, RetryClass::unit_attention, event};
}
constexpr Disposition aborted(Errc error = Errc::aborted_command, Event event = Event::none) {
  return {Action::retry_later, error, RetryClass::aborted, event};
}
constexpr Disposition not_ready_yet() { return later(RetryClass::becoming_ready, Errc::not_ready); }

constexpr DispositionRow on(Status status, Disposition disposition) {
  return {static_cast<std::int16_t>(status), kAny, kAny, kAny, kAny, disposition};
}
constexpr DispositionRow good_but(int asc, Disposition disposition) {
  return {
      static_cast<std::int16_t>(Status::good), kAny, static_cast<std::int16_t>(asc), kAny, kAny, disposition};
}
// CHECK CONDITION for this command.
constexpr DispositionRow check(SenseKey key, int asc, int ascq, Disposition disposition) {
  return {static_cast<std::int16_t>(Status::check_condition),
          static_cast<std::int16_t>(key),
          static_cast<std::int16_t>(asc),
          static_cast<std::int16_t>(ascq),
          0,
          disposition};
}
constexpr DispositionRow check(SenseKey key, Disposition disposition) {
  return check(key, kAny, kAny, disposition);
}
// CHECK CONDITION for an earlier command.
constexpr DispositionRow deferred(int key, Disposition disposition) {
  return {static_cast<std::int16_t>(Status::check_condition),
          static_cast<std::int16_t>(key),
          kAny,
          kAny,
          1,
          disposition};
}

using K = SenseKey;

inline constexpr auto kRows = std::to_array<DispositionRow>({
    // SAM-5 5.3.1: GOOD means performed. SPC-4 4.5.1 permits sense data with GOOD, such as a failure
    // prediction.
    good_but(0x5d, complete_with(Event::failure_predicted)),  // FAILURE PREDICTION THRESHOLD EXCEEDED
    good_but(0x0b, complete_with(Event::failure_predicted)),  // WARNING …
    on(Status::good, kComplete),

    // SAM-5 5.3.1, statuses without sense.
    on(Status::busy, later(RetryClass::busy, Errc::busy)),                 // the target cannot accept it now
    on(Status::task_set_full, later(RetryClass::queue_full, Errc::busy)),  // not entered into the task set
    on(Status::reservation_conflict,
       fail(Errc::reservation_conflict)),  // until the holder releases the reservation
    on(Status::aca_active,
       later(RetryClass::busy, Errc::busy)),              // auto contingent allegiance of another nexus
    on(Status::task_aborted, aborted()),                  // by another I_T nexus, with TAS set
    on(Status::condition_met, fail(Errc::target_error)),  // only for PRE-FETCH, which we do not send
    on(Status::intermediate, fail(Errc::target_error)),   // linked commands, obsolete since SAM-4
    on(Status::intermediate_condition_met, fail(Errc::target_error)),  // obsolete since SAM-4
    on(Status::command_terminated, aborted()),                         // TERMINATE TASK, obsolete since SAM-2

    // SPC-4 4.5.5: a deferred error means that this command was not performed. A recovered error lost no
    // data.
    deferred(static_cast<int>(K::recovered_error), aborted(Errc::target_error)),
    deferred(kAny, aborted(Errc::target_error, Event::deferred_error)),

    // SPC-4 4.5.6: RECOVERED ERROR is success that took the target some effort.
    check(K::recovered_error, 0x5d, kAny, complete_with(Event::failure_predicted)),
    check(K::recovered_error, 0x0b, kAny, complete_with(Event::failure_predicted)),
    check(K::recovered_error, kComplete),

    // NOT READY (SPC-4 4.5.6): retry conditions that pass by themselves; fail at once if an operator must
    // act.
    check(K::not_ready, 0x04, 0x00, not_ready_yet()),  // cause not reportable
    check(K::not_ready, 0x04, 0x01, not_ready_yet()),  // becoming ready
    check(K::not_ready, 0x04, 0x07, not_ready_yet()),  // operation in progress
    check(K::not_ready, 0x04, 0x08, not_ready_yet()),  // long write in progress
    check(K::not_ready, 0x04, 0x09, not_ready_yet()),  // self-test in progress
    check(K::not_ready, 0x04, 0x0a, not_ready_yet()),  // asymmetric access state transition
    check(K::not_ready, 0x04, 0x14, not_ready_yet()),  // space allocation in progress
    check(K::not_ready, 0x04, 0x1a, not_ready_yet()),  // START STOP UNIT in progress
    check(K::not_ready, 0x04, 0x1d, not_ready_yet()),  // configuration in progress
    check(K::not_ready, 0x08, kAny, not_ready_yet()),  // logical unit communication failure, time-out …
    check(K::not_ready, 0x3e, 0x00, not_ready_yet()),  // has not self-configured yet
    check(K::not_ready, 0x3a, kAny, fail(Errc::not_ready, Event::medium_changed)),  // medium not present
    check(K::not_ready,
          fail(Errc::not_ready)),  // START UNIT required, format, standby, unavailable, offline …

    // Unreadable data or a broken device: the target has retried already.
    check(K::medium_error, fail(Errc::medium_error)),
    check(K::hardware_error, fail(Errc::hardware_error)),

    // ILLEGAL REQUEST: a retry would get the same answer.
    check(K::illegal_request, 0x20, 0x00, fail(Errc::not_supported)),      // invalid command operation code
    check(K::illegal_request, 0x20, kAny, fail(Errc::permission_denied)),  // access denied …
    check(K::illegal_request, 0x21, 0x00, fail(Errc::out_of_range)),       // LBA out of range
    check(K::illegal_request, 0x25, kAny, fail(Errc::no_such_lun)),        // logical unit not supported
    check(K::illegal_request, 0x27, 0x07, fail(Errc::out_of_space)),       // some arrays use this key
    check(K::illegal_request, 0x27, kAny, fail(Errc::write_protected)),    // some arrays use this key, too
    check(K::illegal_request, 0x74, 0x71,
          fail(Errc::permission_denied)),  // logical unit access not authorized
    check(K::illegal_request, fail(Errc::illegal_request)),

    // UNIT ATTENTION (SAM-5 5.14): the command was not performed. Reporting the condition clears it.
    check(K::unit_attention, 0x28, kAny, attention(Event::medium_changed)),
    check(K::unit_attention, 0x29, kAny, attention(Event::lun_reset)),
    check(K::unit_attention, 0x2a, 0x01, attention(Event::mode_parameters_changed)),
    check(K::unit_attention, 0x2a, 0x03, attention(Event::reservations_changed)),  // reservations preempted
    check(K::unit_attention, 0x2a, 0x04, attention(Event::reservations_changed)),  // reservations released
    check(K::unit_attention, 0x2a, 0x05,
          attention(Event::reservations_changed)),  // registrations preempted
    check(K::unit_attention, 0x2a, 0x09, attention(Event::capacity_changed)),
    check(K::unit_attention, 0x38, 0x07, attention(Event::space_low)),  // thin provisioning soft threshold
    check(K::unit_attention, 0x3f, 0x03, attention(Event::identity_changed)),  // INQUIRY data has changed
    check(K::unit_attention, 0x3f, 0x05, attention(Event::identity_changed)),  // device identifier changed
    check(K::unit_attention, 0x3f, 0x0e, attention(Event::luns_changed)),
    check(K::unit_attention, 0x5d, kAny, attention(Event::failure_predicted)),
    check(K::unit_attention, 0x0b, kAny, attention(Event::failure_predicted)),
    check(K::unit_attention, attention()),

    // DATA PROTECT: 27/07 is a thin-provisioned unit that ran out of space (SBC-3 4.7).
    check(K::data_protect, 0x27, 0x07, fail(Errc::out_of_space)),
    check(K::data_protect, 0x27, kAny, fail(Errc::write_protected)),
    check(K::data_protect, fail(Errc::permission_denied)),  // 74/xx, 20/02 …

    // ABORTED COMMAND (SPC-4 4.5.6): a retry may help, unless the protection information is wrong (SBC-3).
    check(K::aborted_command, 0x10, kAny, fail(Errc::medium_error)),
    check(K::aborted_command, 0x55, kAny, aborted(Errc::busy)),  // insufficient resources
    check(K::aborted_command, aborted()),

    check(K::miscompare, fail(Errc::miscompare)),  // COMPARE AND WRITE, VERIFY

    // CHECK CONDITION without a reason is not success: retry a few times, then fail.
    check(K::no_sense, aborted(Errc::target_error)),
    check(K::completed, aborted(Errc::target_error)),
    DispositionRow{static_cast<std::int16_t>(Status::check_condition), DispositionRow::kNoSense, kAny, kAny,
                   kAny, aborted(Errc::target_error)},

    // Keys that block devices do not use.
    check(K::blank_check, fail(Errc::target_error)),
    check(K::vendor_specific, fail(Errc::target_error)),
    check(K::copy_aborted, fail(Errc::target_error)),
    check(K::equal, fail(Errc::target_error)),
    check(K::volume_overflow, fail(Errc::target_error)),

    // A status that is not in SAM-5.
    DispositionRow{kAny, kAny, kAny, kAny, kAny, fail(Errc::target_error)},
});

}  // namespace table

inline constexpr auto& kDispositionTable = table::kRows;

// The index of the matching row. There always is one, because the last row matches everything.
[[nodiscard]] constexpr std::size_t disposition_row(Status status, const Sense* sense) noexcept {
  std::size_t row = 0;
  while (row + 1 < kDispositionTable.size() && !kDispositionTable[row].matches(status, sense)) ++row;
  return row;
}

}  // namespace srpi::scsi
