// SPDX-License-Identifier: Apache-2.0
#include "lun/unit_questions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "scsi/inquiry.hpp"
#include "scsi/sense.hpp"

namespace srpi::lun {
namespace {

constexpr std::uint8_t kInquiryBytes = 96;
constexpr std::uint64_t kReportLunsUnit = 0xc101'0000'0000'0000;   // SAM-5 4.7.4
constexpr base::Duration kForEver = std::chrono::hours(24 * 365);  // longer than any connection waits
constexpr int kMostTries = 4;  // until a unit's answers come without a change in between

// Other names have proved the unit, so names that it did not tell this time are still its own.
void keep_names(const UnitProfile& known, UnitProfile& found) {
  if (found.identity.serial.empty()) found.info.serial = found.identity.serial = known.identity.serial;
  if (!found.identity.vendor.empty() || !found.identity.product.empty()) return;
  found.info.vendor = found.identity.vendor = known.identity.vendor;
  found.info.product = found.identity.product = known.identity.product;
  found.info.revision = found.identity.revision = known.identity.revision;
}

}  // namespace

Error about(std::uint64_t lun, const Error& error) {
  return {error.code, fmt::format("LUN {}: {}", lun, error.detail)};
}

std::uint64_t wire_lun(std::uint64_t number) {
  return scsi::load<std::uint64_t>(scsi::lun_of(number).data());
}

struct UnitQuestions::Execute {
  UnitQuestions& questions;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    questions.waiting_ = h;
    questions.outstanding_ = true;
    questions.channel_->submit(questions.command_);
  }
  void await_resume() const noexcept {}
};

struct UnitQuestions::Pause {
  UnitQuestions& questions;
  base::Duration time;
  bool await_ready() const noexcept { return time.count() == 0; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    questions.waiting_ = h;
    questions.pause_ends_ = questions.clock_.now() + time;
  }
  void await_resume() const noexcept {}
};

UnitQuestions::UnitQuestions(std::byte* buffer, std::uint32_t max_transfer_bytes, const base::Clock& clock,
                             OnAnswer on_answer, void* owner)
    : buffer_(buffer),
      max_transfer_bytes_(max_transfer_bytes),
      on_answer_(on_answer),
      owner_(owner),
      clock_(clock) {
  answer_.reserve(kBufferBytes);
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &UnitQuestions::on_complete;
}

void UnitQuestions::use(session::Channel& channel, const fabric::MemoryRegion& region,
                        base::Time patient_until, Use use) noexcept {
  channel_ = &channel;
  use_ = use;
  command_.deadline = use == Use::search ? clock_.now() + kForEver : base::kNever;
  segment_.lkey = region.lkey();
  segment_.rkey = region.rkey();
  patient_until_ = patient_until;
  stopped_ = false;
}

bool UnitQuestions::ends_questions(const Error& error) const noexcept {
  return lost_ || error.code == Errc::no_memory || error.code == Errc::no_such_lun;
}

bool UnitQuestions::is_about_unit(const Error& error) const noexcept {
  return !lost_ && error.code != Errc::no_memory;
}

void UnitQuestions::resume() noexcept {
  pause_ends_ = base::kNever;
  std::exchange(waiting_, {}).resume();
  on_answer_(owner_);
}

void UnitQuestions::on_complete(session::Command& command) noexcept {
  auto& self = *static_cast<UnitQuestions*>(command.owner);
  self.outstanding_ = false;
  const auto waiting = std::exchange(self.waiting_, {});
  if (!waiting) return;
  waiting.resume();
  self.on_answer_(self.owner_);
}

Sequence<Result<scsi::Bytes>> UnitQuestions::execute(std::uint64_t lun, scsi::Cdb cdb,
                                                     std::uint32_t data_in_bytes) {
  scsi::RetryBudget budget;
  retry_ = scsi::RetryClass::none;
  for (;;) {
    command_.cdb = cdb;
    command_.lun = wire_lun(lun);
    command_.direction = data_in_bytes > 0 ? channel::Direction::from_target : channel::Direction::none;
    command_.data_bytes = data_in_bytes;
    segment_.address = buffer_;
    segment_.bytes = data_in_bytes;
    command_.data = std::span(&segment_, data_in_bytes > 0 ? 1u : 0u);
    std::fill_n(buffer_, data_in_bytes, std::byte{0});
    co_await Execute{*this};

    // An operator's reset has ended it. A proof starts again as a whole.
    if (use_ != Use::proof && command_.error == Errc::aborted_command && clock_.now() < patient_until_)
      continue;
    lost_ = stopped_ || command_.error != Errc::ok;
    if (stopped_) co_return Error{Errc::cancelled, {}};
    if (lost_) co_return Error{command_.error, "while asking " + scsi::to_string(cdb)};
    const auto sense = scsi::decode_sense({command_.sense.data(), command_.sense_bytes});
    const auto what = scsi::classify(command_.status, sense ? &*sense : nullptr);
    take_event(what.event);
    if (what.action == scsi::Action::complete) {
      const auto* const data = reinterpret_cast<const std::uint8_t*>(buffer_);
      answer_.assign(data, data + (data_in_bytes - command_.residual_bytes));
      co_return scsi::Bytes(answer_);
    }
    const auto delay = budget.next(what.retry_class);
    if (delay && (delay->count() == 0 || clock_.now() + *delay <= patient_until_)) {
      co_await Pause{*this, *delay};
      lost_ = stopped_;
      if (stopped_) co_return Error{Errc::cancelled, {}};
      continue;
    }
    retry_ = what.retry_class;
    co_return Error{what.error, fmt::format("LUN {} answers {} with {}{}{}", lun, scsi::to_string(cdb),
                                            scsi::to_string(command_.status), sense ? ", " : "",
                                            sense ? scsi::to_string(*sense) : "")};
  }
}

Sequence<Result<std::optional<UnitProfile>>> UnitQuestions::profile(std::uint64_t lun,
                                                                    const UnitProfile* known) {
  auto answer = co_await profile_once(lun, known);
  for (int tries = 1; answer && outdated_ && tries < kMostTries; ++tries)
    answer = co_await profile_once(lun, known);
  if (answer && *answer && outdated_) {
    retry_ = scsi::RetryClass::unit_attention;
    co_return Error{Errc::unit_attention, fmt::format("LUN {} keeps changing", lun)};
  }
  co_return answer;
}

Sequence<Result<UnitProfile>> UnitQuestions::prove(const UnitProfile& known) {
  const auto lun = known.info.lun;
  auto answer = co_await profile(lun, &known);
  if (!answer) co_return answer.error();
  if (!*answer)
    co_return Error{Errc::no_such_lun, fmt::format("the target has no block device at LUN {}", lun)};
  if (const auto same = scsi::compare(known.identity, (*answer)->identity); !same)
    co_return about(lun, same.error());
  keep_names(known, **answer);
  co_return std::move(**answer);
}

// A deferred error must not be lost if the attempt fails. A search asks known units only for the list of LUNs, and an
// answer that tells something else then was meant for their I/O.
void UnitQuestions::take_event(scsi::Event event) {
  if (session::asks_for_proof(event)) outdated_ = true;
  const bool was_for_io = use_ != Use::proof && command_.cdb.opcode() == scsi::Opcode::report_luns;
  if (event == scsi::Event::deferred_error || (was_for_io && event != scsi::Event::none))
    channel_->events().on_unit_event(command_.lun, event);
}

Sequence<Result<scsi::ReportedLuns>> UnitQuestions::reported_luns(std::uint64_t asked_lun) {
  const auto data = co_await execute(asked_lun, scsi::report_luns(kBufferBytes), kBufferBytes);
  if (!data) co_return data.error();
  auto reported = scsi::decode_report_luns(*data);
  if (!reported) co_return about(asked_lun, reported.error());
  co_return std::move(*reported);
}

Sequence<Result<UnitQuestions::Luns>> UnitQuestions::report_luns(bool ask_lun_0) {
  auto reported = co_await reported_luns(ask_lun_0 ? 0 : kReportLunsUnit);
  Luns luns;
  if (!reported && !lost_ && ask_lun_0) {
    luns.guessed = reported.error();
    reported = co_await reported_luns(kReportLunsUnit);
  }
  if (!reported) {
    // An answer that passes by itself is no reason to guess.
    if (lost_ || retry_ != scsi::RetryClass::none || !ask_lun_0) co_return reported.error();
    luns.numbers.resize(kMaxUnits);
    std::iota(luns.numbers.begin(), luns.numbers.end(), 0u);
    co_return luns;
  }
  luns.guessed = {};
  luns.not_taken = reported->unread();
  for (const auto& lun : reported->luns)
    if (!scsi::is_well_known(lun) && !scsi::is_unspecified(lun)) luns.numbers.push_back(scsi::number_of(lun));
  std::ranges::sort(luns.numbers);  // targets report LUNs in any order; the devices' order should be stable
  luns.numbers.erase(std::unique(luns.numbers.begin(), luns.numbers.end()), luns.numbers.end());
  if (luns.numbers.size() > kMaxUnits) {
    luns.not_taken += luns.numbers.size() - kMaxUnits;
    luns.numbers.resize(kMaxUnits);
  }
  co_return luns;
}

// A lost command is the channel's end.
Sequence<Result<>> UnitQuestions::take_attentions(std::uint64_t lun) {
  (void)co_await execute(lun, scsi::test_unit_ready(), 0);
  co_return Result<>();
}

Sequence<Result<std::optional<UnitProfile>>> UnitQuestions::profile_once(std::uint64_t lun,
                                                                         const UnitProfile* known) {
  using Asked = Result<std::optional<UnitProfile>>;
  outdated_ = false;
  const auto data = co_await execute(lun, scsi::inquiry(false, 0, kInquiryBytes), kInquiryBytes);
  if (!data) co_return data.error();
  const auto inquiry = scsi::decode_standard_inquiry(*data);
  if (!inquiry) co_return about(lun, inquiry.error());
  if (!inquiry->is_block_device()) co_return Asked(std::nullopt);

  UnitProfile unit;
  unit.info.lun = lun;
  unit.info.vendor = unit.identity.vendor = inquiry->vendor;
  unit.info.product = unit.identity.product = inquiry->product;
  unit.info.revision = unit.identity.revision = inquiry->revision;
  if (data->size() < scsi::kStandardInquiryBytes)
    unit.oddities.push_back(fmt::format("LUN {}: INQUIRY: {} bytes, expected at least {}", lun, data->size(),
                                        scsi::kStandardInquiryBytes));

  // Takes the unit attentions that every new nexus gets.
  if (const auto ready = co_await execute(lun, scsi::test_unit_ready(), 0); !ready) {
    if (known || ends_questions(ready.error())) co_return ready.error();
    unit.info.away = ready.error();
    unit.retry = retry_;
  }
  outdated_ = false;

  // A unit that does not tell its limits this time still has them.
  if (known) {
    unit.pages = known->pages;
    unit.info.rotational = known->info.rotational;
    unit.info.read_only = known->info.read_only;
  }
  if (const auto done = co_await read_pages(unit); !done) co_return done.error();
  if (known && unit.info.away.code != Errc::ok) {
    retry_ = unit.retry;
    co_return unit.info.away;
  }
  const auto size = co_await capacity(unit);
  if (!size) co_return size.error();
  unit.info.blocks = unit.identity.blocks = size->blocks;
  unit.info.block_size = unit.identity.block_size = size->block_size;
  if (const auto done = co_await read_mode(unit); !done) co_return done.error();

  retry_ = scsi::RetryClass::none;
  scsi::InitiatorLimits ours;
  ours.max_transfer_bytes = max_transfer_bytes_;
  const auto combined = scsi::combine(*size, unit.pages.block_limits, unit.pages.provisioning, ours);
  if (!combined) co_return about(lun, combined.error());
  unit.limits = *combined;
  unit.info.physical_block_size = static_cast<std::uint32_t>(combined->physical_block_size);
  unit.info.max_transfer_blocks = combined->max_transfer_blocks;
  unit.info.can_unmap = combined->can_unmap && !unit.info.read_only;
  unit.info.can_write_zeroes =
      ((unit.pages.block_limits && unit.pages.block_limits->max_write_same_blocks > 0) ||
       combined->write_same_can_unmap) &&
      !unit.info.read_only;
  co_return Asked(std::move(unit));
}

}  // namespace srpi::lun
