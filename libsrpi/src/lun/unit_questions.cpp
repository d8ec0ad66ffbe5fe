// SPDX-License-Identifier: Apache-2.0
// What a target and each of its units are asked.
#include <fmt/format.h>

#include <algorithm>

#include "lun/unit_proof.hpp"
#include "scsi/designator.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/vpd.hpp"

namespace srpi::lun {
namespace {

constexpr std::uint8_t kInquiryBytes = 96;

}  // namespace

Sequence<Result<std::vector<std::uint64_t>>> UnitProof::report_luns() {
  const auto data = co_await execute(0, scsi::report_luns(kBufferBytes), kBufferBytes);
  if (!data) co_return data.error();
  const auto reported = scsi::decode_report_luns(*data);
  if (!reported) co_return reported.error();
  std::vector<std::uint64_t> luns;
  luns_not_taken_ = reported->unread();
  for (const auto& lun : reported->luns) {
    if (scsi::is_well_known(lun)) continue;
    if (luns.size() < kMaxUnits)
      luns.push_back(scsi::number_of(lun));
    else
      ++luns_not_taken_;
  }
  std::ranges::sort(luns);  // targets report them in any order; devices should come in the same one each time
  co_return luns;
}

Sequence<Result<scsi::Capacity>> UnitProof::capacity(std::uint64_t lun) {
  const auto data =
      co_await execute(lun, scsi::read_capacity16(scsi::kReadCapacity16Bytes), scsi::kReadCapacity16Bytes);
  if (data) co_return scsi::decode_read_capacity16(*data);
  if (data.error().code != Errc::illegal_request && data.error().code != Errc::not_supported)
    co_return data.error();
  // An old unit of less than 2 TiB.
  const auto old = co_await execute(lun, scsi::read_capacity10(), scsi::kReadCapacity10Bytes);
  if (!old) co_return old.error();
  const auto decoded = scsi::decode_read_capacity10(*old);
  if (!decoded) co_return decoded.error();
  if (decoded->too_large) co_return data.error();
  co_return decoded->capacity;
}

Sequence<Result<>> UnitProof::read_vpd(std::uint64_t lun, UnitProfile& unit,
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
      case VpdPage::supported_pages:
        break;
    }
  }
  co_return Result<>();
}

Sequence<Result<std::optional<UnitProfile>>> UnitProof::profile_once(std::uint64_t lun) {
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
