// SPDX-License-Identifier: Apache-2.0
#include "lun/probe.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "scsi/designator.hpp"
#include "scsi/disposition.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/sense.hpp"
#include "scsi/vpd.hpp"

namespace srpi::lun {
namespace {

constexpr std::uint32_t kBufferBytes = 4096;  // 511 LUNs, and any VPD page in use
constexpr std::uint8_t kInquiryBytes = 96;
constexpr int kMostTries = 4;  // to get a unit's answers without a change in between

std::uint64_t wire_lun(std::uint64_t number) { return scsi::load<std::uint64_t>(scsi::lun_of(number).data()); }

}  // namespace

struct LunProbe::Execute {
  LunProbe& probe;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    probe.waiting_ = h;
    probe.channel_->submit(probe.command_);
  }
  void await_resume() const noexcept {}
};

LunProbe::LunProbe(std::vector<std::uint64_t> wanted, std::uint32_t max_transfer_bytes)
    : wanted_(std::move(wanted)), max_transfer_bytes_(max_transfer_bytes), buffer_(kBufferBytes) {
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &LunProbe::on_complete;
}

LunProbe::~LunProbe() = default;

void LunProbe::start(session::Channel& channel, Question what) {
  channel_ = &channel;
  setup_error_.reset();
  try {
    ask(channel, what);
  } catch (const std::bad_alloc&) {
    setup_error_ = Error{Errc::no_memory, {}};
  }
}

void LunProbe::ask(session::Channel& channel, Question what) {
  if (channel.device() != device_) {
    region_.reset();
    device_.reset();
    auto region = channel.device()->register_memory(buffer_, fabric::Access::remote);
    if (!region) {
      setup_error_ = region.error();
      return;
    }
    region_ = std::move(*region);
    device_ = channel.device();
  }
  task_ = (this->*what)();
  task_.start();
}

std::optional<Result<>> LunProbe::outcome() {
  if (setup_error_) return Result<>(*setup_error_);
  if (!task_ || !task_.value()) return std::nullopt;
  return *task_.value();
}

void LunProbe::add_units(session::FenceList& list) const {
  for (const auto& unit : units_) list.add(wire_lun(unit.info.lun));
}

void LunProbe::reset() noexcept {
  waiting_ = {};  // a command still under way completes into the void
  task_ = {};
}

void LunProbe::let_device_go() noexcept {
  region_.reset();
  device_.reset();
}

void LunProbe::on_complete(session::Command& command) noexcept {
  auto& self = *static_cast<LunProbe*>(command.owner);
  if (const auto waiting = std::exchange(self.waiting_, {})) waiting.resume();
}

Task<Result<scsi::Bytes>> LunProbe::execute(std::uint64_t lun, scsi::Cdb cdb, std::uint32_t data_in_bytes) {
  scsi::RetryBudget budget;
  for (;;) {
    command_.cdb = cdb;
    command_.lun = wire_lun(lun);
    command_.direction = data_in_bytes > 0 ? session::Direction::from_target : session::Direction::none;
    command_.data_bytes = data_in_bytes;
    segment_ = {buffer_.data(), data_in_bytes, region_->lkey(), region_->rkey()};
    command_.data = std::span(&segment_, data_in_bytes > 0 ? 1u : 0u);
    co_await Execute{*this};

    if (command_.error != Errc::ok) co_return Error{command_.error, "while asking " + scsi::to_string(cdb)};
    const auto sense = scsi::decode_sense({command_.sense.data(), command_.sense_bytes});
    const auto what = scsi::classify(command_.status, sense ? &*sense : nullptr);
    if (session::asks_for_proof(what.event)) outdated_ = true;
    // Not about what is asked: it must not be lost with an attempt that fails.
    if (what.event == scsi::Event::deferred_error) channel_->events().on_unit_event(command_.lun, what.event);
    if (what.action == scsi::Action::complete)
      co_return scsi::Bytes(reinterpret_cast<const std::uint8_t*>(buffer_.data()),
                            data_in_bytes - command_.residual_bytes);
    // What wants a delay is left to the next attempt: the whole login backs off then.
    if (what.action == scsi::Action::retry_now && budget.next(what.retry_class)) continue;
    co_return Error{what.error, fmt::format("LUN {} answers {} with {}{}{}", lun, scsi::to_string(cdb),
                                            scsi::to_string(command_.status), sense ? ", " : "",
                                            sense ? scsi::to_string(*sense) : "")};
  }
}

Task<Result<std::vector<std::uint64_t>>> LunProbe::report_luns() {
  const auto data = co_await execute(0, scsi::report_luns(kBufferBytes), kBufferBytes);
  if (!data) co_return data.error();
  const auto reported = scsi::decode_report_luns(*data);
  if (!reported) co_return reported.error();
  std::vector<std::uint64_t> luns;
  left_out_ = reported->unread();
  for (const auto& lun : reported->luns) {
    if (scsi::is_well_known(lun)) continue;
    if (luns.size() < kMaxUnits)
      luns.push_back(scsi::number_of(lun));
    else
      ++left_out_;
  }
  std::ranges::sort(luns);  // targets report them in any order; devices should come in the same one each time
  co_return luns;
}

Task<Result<scsi::Capacity>> LunProbe::capacity(std::uint64_t lun) {
  const auto data = co_await execute(lun, scsi::read_capacity16(scsi::kReadCapacity16Bytes), scsi::kReadCapacity16Bytes);
  if (data) co_return scsi::decode_read_capacity16(*data);
  if (data.error().code != Errc::illegal_request && data.error().code != Errc::not_supported) co_return data.error();
  // An old unit of less than 2 TiB.
  const auto old = co_await execute(lun, scsi::read_capacity10(), scsi::kReadCapacity10Bytes);
  if (!old) co_return old.error();
  const auto decoded = scsi::decode_read_capacity10(*old);
  if (!decoded) co_return decoded.error();
  if (decoded->too_large) co_return data.error();
  co_return decoded->capacity;
}

Task<Result<>> LunProbe::read_vpd(std::uint64_t lun, UnitProfile& unit, std::optional<scsi::BlockLimits>& limits,
                                  std::optional<scsi::LogicalBlockProvisioning>& provisioning) {
  using scsi::VpdPage;
  const auto ask = [&](VpdPage page) {
    return execute(lun, scsi::inquiry(true, static_cast<std::uint8_t>(page), kBufferBytes), kBufferBytes);
  };
  const auto list = co_await ask(VpdPage::supported_pages);
  if (!list) {
    if (list.error().code == Errc::illegal_request || list.error().code == Errc::not_supported) co_return Result<>();
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

Task<Result<std::optional<UnitProfile>>> LunProbe::profile(std::uint64_t lun) {
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

  // Takes the unit attentions that wait for every new nexus.
  if (const auto ready = co_await execute(lun, scsi::test_unit_ready(), 0); !ready) co_return ready.error();
  outdated_ = false;

  std::optional<scsi::BlockLimits> limits;
  std::optional<scsi::LogicalBlockProvisioning> provisioning;
  if (const auto done = co_await read_vpd(lun, unit, limits, provisioning); !done) co_return done.error();

  const auto size = co_await capacity(lun);
  if (!size) co_return size.error();
  unit.info.blocks = unit.identity.blocks = size->blocks;
  unit.info.block_size = unit.identity.block_size = size->block_size;

  // The caching page is optional: without it, no volatile cache is assumed, as SBC-3 6.5.5 has it. Only a unit that
  // does not know the page is without it: after any other failure a cache may be there, and flushes must not be lost.
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

  scsi::InitiatorLimits ours;
  ours.max_transfer_bytes = max_transfer_bytes_;
  const auto combined = scsi::combine(*size, limits, provisioning, ours);
  if (!combined) co_return combined.error();
  unit.limits = *combined;
  unit.info.physical_block_size = static_cast<std::uint32_t>(combined->physical_block_size);
  unit.info.max_transfer_blocks = combined->max_transfer_blocks;
  unit.info.can_unmap = combined->can_unmap && !unit.info.read_only;
  unit.info.can_write_zeroes = ((limits && limits->max_write_same_blocks > 0) || combined->write_same_can_unmap) &&
                               !unit.info.read_only;
  co_return Answer(std::move(unit));
}

Task<Result<>> LunProbe::greet() {
  // A lost command is the channel's end, and a unit that is not ready says so to I/O as well.
  for (const auto& unit : units_) (void)co_await execute(unit.info.lun, scsi::test_unit_ready(), 0);
  co_return Result<>();
}

Task<Result<>> LunProbe::run() {
  const bool first = units_.empty();
  std::vector<std::uint64_t> luns;
  if (!first) {
    for (const auto& unit : units_) luns.push_back(unit.info.lun);
  } else if (!wanted_.empty()) {
    luns = wanted_;
  } else {
    const auto reported = co_await report_luns();
    if (!reported) co_return reported.error();
    luns = *reported;
  }

  std::vector<UnitProfile> found;
  for (const auto lun : luns) {
    auto answer = co_await profile(lun);
    for (int tries = 1; answer && outdated_ && tries < kMostTries; ++tries) answer = co_await profile(lun);
    if (!answer) co_return answer.error();
    if (*answer && outdated_)
      co_return Error{Errc::unit_attention, fmt::format("LUN {} keeps changing", lun)};
    if (*answer) {
      found.push_back(**answer);
    } else if (!first || !wanted_.empty()) {
      co_return Error{Errc::no_such_lun, fmt::format("the target has no block device at LUN {}", lun)};
    }
  }
  if (found.empty()) co_return Error{Errc::no_such_lun, "the target shows us no logical unit; check its access control"};

  if (!first)
    for (std::size_t i = 0; i < found.size(); ++i)
      if (const auto same = scsi::compare(units_[i].identity, found[i].identity); !same)
        co_return Error{same.error().code, fmt::format("LUN {}: {}", found[i].info.lun, same.error().detail)};
  units_ = std::move(found);
  co_return Result<>();
}

}  // namespace srpi::lun
