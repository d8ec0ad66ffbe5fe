// SPDX-License-Identifier: Apache-2.0
#include "scsi/disposition.hpp"

#include <set>

#include "catch2/catch.hpp"
#include "scsi/disposition_table.hpp"

using namespace srpi;
using namespace srpi::scsi;

namespace {

Disposition check(SenseKey key, AdditionalSense additional = {}) {
  const auto sense = make_sense(key, additional);
  return classify(Status::check_condition, &sense);
}
Disposition attention(AdditionalSense additional) { return check(SenseKey::unit_attention, additional); }
bool succeeds(const Disposition& d) { return d.action == Action::complete; }
bool retries(const Disposition& d) {
  return d.action == Action::retry_now || d.action == Action::retry_later;
}

}  // namespace

TEST_CASE("every status with every sense key and code has a consistent disposition") {
  std::set<std::size_t> rows;
  for (unsigned status_number = 0; status_number < 256; ++status_number) {
    const auto status = static_cast<Status>(status_number);
    const bool known = std::string{to_string(status)} != "unknown status";
    const auto judge = [&](const Sense* sense) {
      rows.insert(disposition_row(status, sense));
      const auto d = classify(status, sense);
      // Only GOOD and RECOVERED ERROR are success.
      const bool said_so =
          status == Status::good || (status == Status::check_condition && sense != nullptr &&
                                     !sense->deferred && sense->key == SenseKey::recovered_error);
      REQUIRE(succeeds(d) == said_so);
      REQUIRE((d.error == Errc::ok) == said_so);
      REQUIRE(retries(d) == (d.retry_class != RetryClass::none));
      REQUIRE((known || d == Disposition{Action::fail, Errc::target_error}));
    };
    judge(nullptr);
    for (unsigned key = 0; key < kSenseKeys; ++key) {
      for (const bool deferred : {false, true}) {
        auto sense = make_sense(static_cast<SenseKey>(key), {});
        sense.deferred = deferred;
        // All codes if they matter, otherwise one.
        const unsigned codes = status == Status::check_condition || status == Status::good ? 0x10000 : 1;
        for (unsigned code = 0; code < codes; ++code) {
          sense.additional = {static_cast<std::uint8_t>(code >> 8), static_cast<std::uint8_t>(code)};
          judge(&sense);
        }
      }
    }
  }
  CHECK(rows.size() == kDispositionTable.size());  // every row has answered something
}

TEST_CASE("statuses without sense") {
  CHECK(classify(Status::good, nullptr) == Disposition{Action::complete, Errc::ok});
  CHECK(classify(Status::busy, nullptr) == Disposition{Action::retry_later, Errc::busy, RetryClass::busy});
  CHECK(classify(Status::task_set_full, nullptr) ==
        Disposition{Action::retry_later, Errc::busy, RetryClass::queue_full});
  CHECK(classify(Status::reservation_conflict, nullptr) ==
        Disposition{Action::fail, Errc::reservation_conflict});
  CHECK(classify(Status::task_aborted, nullptr).retry_class == RetryClass::aborted);
  CHECK(classify(Status::condition_met, nullptr).action == Action::fail);
  CHECK(classify(Status::check_condition, nullptr) ==
        Disposition{Action::retry_later, Errc::target_error, RetryClass::aborted});
}

TEST_CASE("unit attentions are retried and raise their event") {
  CHECK(attention(kCapacityChanged) == Disposition{Action::retry_now, Errc::unit_attention,
                                                   RetryClass::unit_attention, Event::capacity_changed});
  CHECK(attention(kReportedLunsDataChanged).event == Event::luns_changed);
  for (unsigned qualifier = 0; qualifier < 8; ++qualifier)
    CHECK(attention({0x29, static_cast<std::uint8_t>(qualifier)}).event == Event::lun_reset);
  CHECK(attention(kModeParametersChanged).event == Event::mode_parameters_changed);
  CHECK(attention({0x2a, 0x03}).event == Event::reservations_changed);
  CHECK(attention(kMediumMayHaveChanged).event == Event::medium_changed);
  CHECK(attention({0x3f, 0x03}).event == Event::identity_changed);
  CHECK(attention({0x3f, 0x05}).event == Event::identity_changed);
  CHECK(attention({0x38, 0x07}).event == Event::space_low);
  CHECK(attention({0x5d, 0x10}).event == Event::failure_predicted);
  CHECK(attention(kCommandsCleared) ==
        Disposition{Action::retry_now, Errc::unit_attention, RetryClass::unit_attention, Event::none});
  CHECK(needs_proof(Event::luns_changed));
  CHECK(needs_proof(Event::identity_changed));
  CHECK(needs_proof(Event::medium_changed));
  CHECK(!needs_proof(Event::lun_reset));
  CHECK(!needs_proof(Event::none));
}

TEST_CASE("NOT READY is retried only for conditions that pass by themselves") {
  CHECK(check(SenseKey::not_ready, kBecomingReady) ==
        Disposition{Action::retry_later, Errc::not_ready, RetryClass::becoming_ready});
  CHECK(check(SenseKey::not_ready, {0x04, 0x0a}).action == Action::retry_later);
  for (const std::uint8_t qualifier : {0x02, 0x03, 0x04, 0x0b, 0x0c, 0x12, 0x1b})
    CHECK(check(SenseKey::not_ready, {0x04, qualifier}) == Disposition{Action::fail, Errc::not_ready});
  CHECK(check(SenseKey::not_ready, kMediumNotPresent).error == Errc::not_ready);
  CHECK(check(SenseKey::not_ready, kMediumNotPresent).action == Action::fail);
}

TEST_CASE("errors that a retry cannot help fail at once with their own codes") {
  const auto fails = [](SenseKey key, AdditionalSense additional, Errc error) {
    const auto d = check(key, additional);
    CHECK(d.action == Action::fail);
    CHECK(d.error == error);
  };
  fails(SenseKey::medium_error, kUnrecoveredReadError, Errc::medium_error);
  fails(SenseKey::medium_error, kWriteError, Errc::medium_error);
  fails(SenseKey::hardware_error, kInternalTargetFailure, Errc::hardware_error);
  fails(SenseKey::illegal_request, kInvalidOperationCode, Errc::not_supported);
  fails(SenseKey::illegal_request, {0x20, 0x02}, Errc::permission_denied);
  fails(SenseKey::illegal_request, kLbaOutOfRange, Errc::out_of_range);
  fails(SenseKey::illegal_request, kInvalidFieldInCdb, Errc::illegal_request);
  fails(SenseKey::illegal_request, kLogicalUnitNotSupported, Errc::no_such_lun);
  fails(SenseKey::illegal_request, kInvalidFieldInParameterList, Errc::illegal_request);
  fails(SenseKey::data_protect, kWriteProtected, Errc::write_protected);
  fails(SenseKey::data_protect, {0x27, 0x02}, Errc::write_protected);
  fails(SenseKey::data_protect, kSpaceAllocationFailed, Errc::out_of_space);
  fails(SenseKey::data_protect, {0x74, 0x71}, Errc::permission_denied);
  fails(SenseKey::miscompare, kMiscompareDuringVerify, Errc::miscompare);
  fails(SenseKey::aborted_command, {0x10, 0x01}, Errc::medium_error);
  fails(SenseKey::volume_overflow, {}, Errc::target_error);
}

TEST_CASE("aborted commands are retried a limited number of times") {
  CHECK(check(SenseKey::aborted_command, {0x47, 0x03}) ==
        Disposition{Action::retry_later, Errc::aborted_command, RetryClass::aborted});
  CHECK(check(SenseKey::aborted_command, {0x4b, 0x00}).action == Action::retry_later);
}

TEST_CASE("a deferred error retries the command and reports the lost write") {
  auto sense = make_sense(SenseKey::medium_error, kWriteError);
  sense.deferred = true;
  const auto d = classify(Status::check_condition, &sense);
  CHECK(d.action == Action::retry_later);
  CHECK(d.event == Event::deferred_error);
  sense.key = SenseKey::recovered_error;
  CHECK(classify(Status::check_condition, &sense).action == Action::retry_later);
  CHECK(classify(Status::check_condition, &sense).event == Event::none);
}

TEST_CASE("recovered errors are success, and a predicted failure is reported") {
  CHECK(check(SenseKey::recovered_error, {0x17, 0x01}) == Disposition{Action::complete, Errc::ok});
  CHECK(check(SenseKey::recovered_error, {0x5d, 0x00}).event == Event::failure_predicted);
  const auto sense = make_sense(SenseKey::completed, {0x5d, 0x00});
  CHECK(classify(Status::good, &sense).event == Event::failure_predicted);
  CHECK(classify(Status::good, &sense).action == Action::complete);
}

TEST_CASE("every class of retry is limited, and its delays grow up to a maximum") {
  for (const auto& limit : kRetryLimits) {
    RetryBudget budget;
    base::Duration last{0}, total{0};
    unsigned count = 0;
    while (const auto delay = budget.next(limit.retry_class)) {
      CHECK(*delay >= last);
      CHECK(*delay <= limit.max_delay);
      if (count == 0) CHECK(*delay == limit.first_delay);
      total += *delay;
      last = *delay;
      ++count;
    }
    CHECK(count == limit.max_retries);
    CHECK(budget.used(limit.retry_class) == limit.max_retries);
    CHECK(!budget.next(limit.retry_class));
    CHECK(total < std::chrono::seconds{65});
  }
}

TEST_CASE("the classes of retry are counted separately") {
  RetryBudget budget;
  while (budget.next(RetryClass::busy)) {
  }
  CHECK(budget.next(RetryClass::unit_attention));
  CHECK(budget.used(RetryClass::becoming_ready) == 0);
}

TEST_CASE("every disposition value has a text") {
  for (const auto action : {Action::complete, Action::fail, Action::retry_now, Action::retry_later})
    CHECK(std::string{to_string(action)} != "unknown action");
  for (unsigned i = 0; i <= static_cast<unsigned>(Event::deferred_error); ++i)
    CHECK(std::string{to_string(static_cast<Event>(i))} != "unknown event");
  for (unsigned i = 0; i < kRetryClasses; ++i)
    CHECK(std::string{to_string(static_cast<RetryClass>(i))} != "unknown retry class");
}
