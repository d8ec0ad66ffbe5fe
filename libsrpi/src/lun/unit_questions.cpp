// SPDX-License-Identifier: Apache-2.0
#include "lun/unit_questions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scsi/designator.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/sense.hpp"
#include "scsi/vpd.hpp"

namespace srpi::lun {
namespace {

constexpr std::uint8_t kInquiryBytes = 96;
constexpr int kMostTries = 4;  // until a unit's answers come without a change in between

}  // namespace

std::uint64_t wire_lun(std::uint64_t number) {
  return scsi::load<std::uint64_t>(scsi::lun_of(number).data());
}

struct UnitQuestions::Execute {
  UnitQuestions& questions;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    questions.waiting_ = h;
    questions.channel_->submit(questions.command_);
  }
  void await_resume() const noexcept {}
};

UnitQuestions::UnitQuestions(std::byte* buffer, std::uint32_t max_transfer_bytes, OnAnswer on_answer,
                             void* owner)
    : buffer_(buffer), max_transfer_bytes_(max_transfer_bytes), on_answer_(on_answer), owner_(owner) {
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &UnitQuestions::on_complete;
}

void UnitQuestions::use(session::Channel& channel, const fabric::MemoryRegion& region) noexcept {
  channel_ = &channel;
  segment_.lkey = region.lkey();
  segment_.rkey = region.rkey();
  stopped_ = false;
}

void UnitQuestions::on_complete(session::Command& command) noexcept {
  auto& self = *static_cast<UnitQuestions*>(command.owner);
  const auto waiting = std::exchange(self.waiting_, {});
  if (!waiting) return;
  waiting.resume();
  self.on_answer_(self.owner_);
}

Sequence<Result<scsi::Bytes>> UnitQuestions::execute(std::uint64_t lun, scsi::Cdb cdb,
                                                     std::uint32_t data_in_bytes) {
  scsi::RetryBudget budget;
  refused_.reset();
  for (;;) {
    command_.cdb = cdb;
    command_.lun = wire_lun(lun);
    command_.direction = data_in_bytes > 0 ? channel::Direction::from_target : channel::Direction::none;
    command_.data_bytes = data_in_bytes;
    segment_.address = buffer_;
    segment_.bytes = data_in_bytes;
    command_.data = std::span(&segment_, data_in_bytes > 0 ? 1u : 0u);
    co_await Execute{*this};

    if (stopped_) co_return Error{Errc::cancelled, {}};
    if (command_.error != Errc::ok) co_return Error{command_.error, "while asking " + scsi::to_string(cdb)};
    const auto sense = scsi::decode_sense({command_.sense.data(), command_.sense_bytes});
    const auto what = scsi::classify(command_.status, sense ? &*sense : nullptr);
    if (session::asks_for_proof(what.event)) outdated_ = true;
    // A deferred error must not be lost if the attempt fails.
    if (what.event == scsi::Event::deferred_error) channel_->events().on_unit_event(command_.lun, what.event);
    if (what.action == scsi::Action::complete)
      co_return scsi::Bytes(reinterpret_cast<const std::uint8_t*>(buffer_),
                            data_in_bytes - command_.residual_bytes);
    // Retries with a delay are left to the next attempt.
    if (what.action == scsi::Action::retry_now && budget.next(what.retry_class)) continue;
    refused_ = what.retry_class;
    co_return Error{what.error, fmt::format("LUN {} answers {} with {}{}{}", lun, scsi::to_string(cdb),
                                            scsi::to_string(command_.status), sense ? ", " : "",
                                            sense ? scsi::to_string(*sense) : "")};
  }
}

Sequence<Result<std::optional<UnitProfile>>> UnitQuestions::profile(std::uint64_t lun) {
  auto answer = co_await profile_once(lun);
  for (int tries = 1; answer && outdated_ && tries < kMostTries; ++tries) answer = co_await profile_once(lun);
  if (answer && *answer && outdated_) {
    refused_ = scsi::RetryClass::unit_attention;
    co_return Error{Errc::unit_attention, fmt::format("LUN {} keeps changing", lun)};
  }
  co_return answer;
}

Sequence<Result<UnitProfile>> UnitQuestions::prove(const UnitProfile& known) {
  const auto lun = known.info.lun;
  auto answer = co_await profile(lun);
  if (!answer) co_return answer.error();
  if (!*answer) {
    refused_ = scsi::RetryClass::none;
    co_return Error{Errc::no_such_lun, fmt::format("the target has no block device at LUN {}", lun)};
  }
  refused_.reset();  // these refused commands are optional
  if (const auto same = scsi::compare(known.identity, (*answer)->identity); !same)
    co_return Error{same.error().code, fmt::format("LUN {}: {}", lun, same.error().detail)};
  co_return std::move(**answer);
}

Sequence<Result<UnitQuestions::Luns>> UnitQuestions::report_luns() {
  const auto data = co_await execute(0, scsi::report_luns(kBufferBytes), kBufferBytes);
  if (!data) co_return data.error();
  const auto reported = scsi::decode_report_luns(*data);
  if (!reported) co_return reported.error();
  Luns luns;
  luns.not_taken = reported->unread();
  for (const auto& lun : reported->luns) {
    if (scsi::is_well_known(lun)) continue;
    if (luns.numbers.size() < kMaxUnits)
      luns.numbers.push_back(scsi::number_of(lun));
    else
      ++luns.not_taken;
  }
  std::ranges::sort(luns.numbers);  // targets report LUNs in any order; the devices' order should be stable
  co_return luns;
}

// A lost command is the channel's end.
Sequence<Result<>> UnitQuestions::take_attentions(std::uint64_t lun) {
  (void)co_await execute(lun, scsi::test_unit_ready(), 0);
  co_return Result<>();
}

Sequence<Result<scsi::Capacity>> UnitQuestions::capacity(std::uint64_t lun) {
  const auto data =
      co_await execute(lun, scsi::read_capacity16(scsi::kReadCapacity16Bytes), scsi::kReadCapacity16Bytes);
  if (data) co_return scsi::decode_read_capacity16(*data);
  if (data.error().code != Errc::illegal_request && data.error().code != Errc::not_supported)
    co_return data.error();
  // An old unit, smaller than 2 TiB.
  const auto old = co_await execute(lun, scsi::read_capacity10(), scsi::kReadCapacity10Bytes);
  if (!old) co_return old.error();
  const auto decoded = scsi::decode_read_capacity10(*old);
  if (!decoded) co_return decoded.error();
  if (decoded->too_large) co_return data.error();
  co_return decoded->capacity;
}

Sequence<Result<>> UnitQuestions::read_vpd(std::uint64_t lun, UnitProfile& unit,
                                           std::optional<scsi::BlockLimits>& limits,
                                           std::optional<scsi::LogicalBlockProvisioning>& provisioning) {
  using scsi::VpdPage;
  const auto ask = [&](VpdPage page) {
    return execute(lun, scsi::inquiry(true, static_cast<std::uint8_t>(page), kBufferBytes), kBufferBytes);
  };
  const auto list = co_await ask(VpdPage::supported_pages);
  if (!list) {
    if (list.error().code == Errc::illegal_request || list.error().code == Errc::not_supported)
      co_return Result<>();
    co_return list.error();
  }
  const auto pages = scsi::decode_supported_pages(*list);
  if (!pages) co_return pages.error();

  for (const auto page : {VpdPage::unit_serial_number, VpdPage::device_identification, VpdPage::block_limits,
                          VpdPage::block_device_characteristics, VpdPage::logical_block_provisioning}) {
    if (!pages->contains(page)) continue;
    const auto data = co_await ask(page);
    if (!data) co_return data.error();
    switch (page) {
      case VpdPage::unit_serial_number: {
        const auto serial = scsi::decode_unit_serial(*data);
        if (!serial) co_return serial.error();
        unit.info.serial = unit.identity.serial = *serial;
        break;
      }
      case VpdPage::device_identification: {
        const auto names = scsi::decode_device_identification(*data);
        if (!names) co_return names.error();
        unit.info.wwid = unit.identity.wwid = scsi::select_wwid(*names);
        break;
      }
      case VpdPage::block_limits: {
        const auto decoded = scsi::decode_block_limits(*data);
        if (!decoded) co_return decoded.error();
        limits = *decoded;
        break;
      }
      case VpdPage::block_device_characteristics: {
        const auto decoded = scsi::decode_block_device_characteristics(*data);
        if (!decoded) co_return decoded.error();
        unit.info.rotational = decoded->rotational();
        break;
      }
      case VpdPage::logical_block_provisioning: {
        const auto decoded = scsi::decode_logical_block_provisioning(*data);
        if (!decoded) co_return decoded.error();
        provisioning = *decoded;
        break;
      }
      case VpdPage::supported_pages: break;
    }
  }
  co_return Result<>();
}

Sequence<Result<std::optional<UnitProfile>>> UnitQuestions::profile_once(std::uint64_t lun) {
  using Answer = Result<std::optional<UnitProfile>>;
  outdated_ = false;
  const auto data = co_await execute(lun, scsi::inquiry(false, 0, kInquiryBytes), kInquiryBytes);
  if (!data) co_return data.error();
  const auto inquiry = scsi::decode_standard_inquiry(*data);
  if (!inquiry) co_return inquiry.error();
  if (!inquiry->is_block_device()) co_return Answer(std::nullopt);

  UnitProfile unit;
  unit.info.lun = lun;
  unit.info.vendor = unit.identity.vendor = inquiry->vendor;
  unit.info.product = unit.identity.product = inquiry->product;
  unit.info.revision = unit.identity.revision = inquiry->revision;

  // Takes the unit attentions that every new nexus gets.
  if (const auto ready = co_await execute(lun, scsi::test_unit_ready(), 0); !ready) co_return ready.error();
  outdated_ = false;

  std::optional<scsi::BlockLimits> limits;
  std::optional<scsi::LogicalBlockProvisioning> provisioning;
  if (const auto done = co_await read_vpd(lun, unit, limits, provisioning); !done) co_return done.error();

  const auto size = co_await capacity(lun);
  if (!size) co_return size.error();
  unit.info.blocks = unit.identity.blocks = size->blocks;
  unit.info.block_size = unit.identity.block_size = size->block_size;

  // The caching page is optional. Without it there is no volatile cache (SBC-3 6.5.5). Only a unit that does
  // not know the page is without it. After any other failure there may be a cache, and flushes must not be
  // left out.
  const auto mode = co_await execute(lun, scsi::mode_sense6(scsi::kModePageCaching, 192), 192);
  if (!mode && mode.error().code != Errc::illegal_request && mode.error().code != Errc::not_supported)
    co_return mode.error();
  if (mode) {
    const auto decoded = scsi::decode_mode_sense6(*mode);
    if (!decoded) co_return decoded.error();
    unit.info.read_only = decoded->write_protected;
    unit.info.can_force_unit_access = decoded->dpo_fua;
    unit.info.write_cache = decoded->caching && decoded->caching->write_cache;
  }

  refused_.reset();
  scsi::InitiatorLimits ours;
  ours.max_transfer_bytes = max_transfer_bytes_;
  const auto combined = scsi::combine(*size, limits, provisioning, ours);
  if (!combined) co_return combined.error();
  unit.limits = *combined;
  unit.info.physical_block_size = static_cast<std::uint32_t>(combined->physical_block_size);
  unit.info.max_transfer_blocks = combined->max_transfer_blocks;
  unit.info.can_unmap = combined->can_unmap && !unit.info.read_only;
  unit.info.can_write_zeroes =
      ((limits && limits->max_write_same_blocks > 0) || combined->write_same_can_unmap) &&
      !unit.info.read_only;
  co_return Answer(std::move(unit));
}

}  // namespace srpi::lun
