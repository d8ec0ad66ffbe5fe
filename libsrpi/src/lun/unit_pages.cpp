// SPDX-License-Identifier: Apache-2.0
// VPD pages, capacity and mode parameters of a unit, and what becomes of wrong ones.
#include <fmt/format.h>

#include "lun/unit_questions.hpp"
#include "scsi/designator.hpp"
#include "scsi/mode.hpp"

namespace srpi::lun {
namespace {

using scsi::VpdPage;

constexpr std::uint8_t kModeBytes = 192;

// The unit does not know what it was asked for. Any other refusal may pass.
bool is_unknown(const Error& error) {
  return error.code == Errc::illegal_request || error.code == Errc::not_supported;
}

// An answer that cannot be decoded.
bool is_wrong(const Error& error) { return error.code == Errc::protocol_error; }

bool names_the_unit(VpdPage page) {
  return page == VpdPage::unit_serial_number || page == VpdPage::device_identification;
}

void note(UnitProfile& unit, const Error& error, const char* consequence) {
  unit.oddities.push_back(error.detail + consequence);
}

constexpr char kGoOn[] = "; the session does without it";

}  // namespace

Sequence<Result<scsi::Bytes>> UnitQuestions::page(std::uint64_t lun, VpdPage page) {
  const auto cdb = scsi::inquiry(true, static_cast<std::uint8_t>(page), kBufferBytes);
  const auto data = co_await execute(lun, cdb, kBufferBytes);
  if (!data) co_return data.error();
  const auto view = scsi::open_vpd(*data, page);
  if (!view) co_return about(lun, view.error());
  // What is cut without need may have lost anything.
  if (view->truncated && data->size() < kBufferBytes)
    co_return about(
        lun, scsi::protocol_error(fmt::format("VPD 0x{:02x}: claims {} bytes, received {}",
                                              static_cast<unsigned>(page), view->page_bytes, data->size())));
  co_return *data;
}

// nullopt: there is no list, or a wrong one.
Sequence<Result<std::optional<scsi::SupportedPages>>> UnitQuestions::page_list(UnitProfile& unit) {
  using Asked = Result<std::optional<scsi::SupportedPages>>;
  const auto data = co_await page(unit.info.lun, VpdPage::supported_pages);
  if (!data) {
    if (ends_questions(data.error())) co_return data.error();
    if (!is_unknown(data.error())) note(unit, data.error(), kGoOn);
    co_return Asked(std::nullopt);
  }
  auto list = scsi::decode_supported_pages(*data);
  if (list && list->contains(VpdPage::supported_pages)) co_return Asked(std::move(*list));
  note(unit, about(unit.info.lun, scsi::protocol_error("VPD 0x00 does not list itself")), kGoOn);
  co_return Asked(std::nullopt);
}

Result<> UnitQuestions::take_page(VpdPage page, scsi::Bytes data, UnitProfile& unit) {
  switch (page) {
    case VpdPage::unit_serial_number: {
      const auto serial = scsi::decode_unit_serial(data);
      if (!serial) return serial.error();
      unit.info.serial = unit.identity.serial = *serial;
      break;
    }
    case VpdPage::device_identification: {
      const auto names = scsi::decode_device_identification(data);
      if (!names) return names.error();
      unit.info.wwid = unit.identity.wwid = scsi::select_wwid(*names);
      break;
    }
    case VpdPage::block_limits: {
      const auto decoded = scsi::decode_block_limits(data);
      if (!decoded) return decoded.error();
      unit.pages.block_limits = *decoded;
      break;
    }
    case VpdPage::block_device_characteristics: {
      const auto decoded = scsi::decode_block_device_characteristics(data);
      if (!decoded) return decoded.error();
      unit.info.rotational = decoded->rotational();
      break;
    }
    case VpdPage::logical_block_provisioning: {
      const auto decoded = scsi::decode_logical_block_provisioning(data);
      if (!decoded) return decoded.error();
      unit.pages.provisioning = *decoded;
      break;
    }
    case VpdPage::supported_pages: break;
  }
  return {};
}

// Without a list, every page is asked for. A page that is refused for another reason than that the unit does not
// know it may be there. The unit must not be taken without such a name.
Sequence<Result<>> UnitQuestions::read_pages(UnitProfile& unit) {
  const auto lun = unit.info.lun;
  const auto list = co_await page_list(unit);
  if (!list) co_return list.error();
  for (const auto number :
       {VpdPage::unit_serial_number, VpdPage::device_identification, VpdPage::block_limits,
        VpdPage::block_device_characteristics, VpdPage::logical_block_provisioning}) {
    if (*list && !(*list)->contains(number)) continue;
    const auto data = co_await page(lun, number);
    Error error;
    if (!data) {
      error = data.error();
      if (ends_questions(error)) co_return error;
    } else if (const auto taken = take_page(number, *data, unit); !taken) {
      error = about(lun, taken.error());
    }
    if (error.code == Errc::ok) continue;
    const bool comes_later = !is_unknown(error) && !is_wrong(error);
    if (names_the_unit(number) && comes_later) co_return error;
    // Commands could be too long for a unit that has not told its limits yet.
    if (number == VpdPage::block_limits && comes_later && !unit.pages.block_limits) {
      unit.info.away = error;
      unit.retry = retry_;
      continue;
    }
    if (*list || !is_unknown(error)) note(unit, error, kGoOn);
  }
  co_return Result<>();
}

// A unit smaller than 2 TiB may have only READ CAPACITY(10), or answer that one correctly.
Sequence<Result<scsi::Capacity>> UnitQuestions::capacity(UnitProfile& unit) {
  const auto lun = unit.info.lun;
  const auto data =
      co_await execute(lun, scsi::read_capacity16(scsi::kReadCapacity16Bytes), scsi::kReadCapacity16Bytes);
  Error error;
  if (data) {
    const auto decoded = scsi::decode_read_capacity16(*data);
    if (decoded) co_return *decoded;
    error = about(lun, decoded.error());
  } else {
    error = data.error();
    if (!is_unknown(error)) co_return error;
  }
  const auto old = co_await execute(lun, scsi::read_capacity10(), scsi::kReadCapacity10Bytes);
  if (!old) co_return old.error();
  const auto decoded = scsi::decode_read_capacity10(*old);
  if (!decoded) co_return about(lun, decoded.error());
  if (decoded->too_large) co_return error;
  if (is_wrong(error)) note(unit, error, kGoOn);
  co_return decoded->capacity;
}

// The caching page is optional. Without it there is no volatile cache (SBC-3 6.5.5). Only a unit that does not know
// the page is without it. After any other failure there may be a cache, and flushes must not be left out.
Sequence<Result<>> UnitQuestions::read_mode(UnitProfile& unit) {
  const auto lun = unit.info.lun;
  const auto data = co_await execute(lun, scsi::mode_sense6(scsi::kModePageCaching, kModeBytes), kModeBytes);
  Error error;
  if (!data) {
    error = data.error();
    if (ends_questions(error)) co_return error;
    if (is_unknown(error)) co_return Result<>();
  } else if (const auto mode = scsi::decode_mode_sense6(*data); !mode) {
    error = about(lun, mode.error());
  } else {
    unit.info.read_only = mode->write_protected;
    unit.info.can_force_unit_access = mode->dpo_fua;
    unit.info.write_cache = mode->caching && mode->caching->write_cache;
    if (mode->caching) co_return Result<>();
    error = about(lun, scsi::protocol_error("MODE SENSE(6): GOOD, but without the caching page"));
  }
  unit.info.write_cache = unit.cache_assumed = true;
  note(unit, error, "; the unit counts as one with a volatile cache");
  co_return Result<>();
}

}  // namespace srpi::lun
