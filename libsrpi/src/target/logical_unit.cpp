// SPDX-License-Identifier: Apache-2.0
#include "target/logical_unit.hpp"

#include <fmt/format.h>

#include <array>

#include "scsi/capacity.hpp"
#include "scsi/designator.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/mode.hpp"
#include "scsi/vpd.hpp"

namespace srpi::target {

namespace {

constexpr char kVendor[] = "SRPI";
constexpr char kProduct[] = "RAM-DISK";
constexpr char kRevision[] = "0001";
constexpr std::uint8_t kSpc4 = 6;

// FNV-1a, so the same name gives the same identity in every process.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return hash;
}

scsi::StandardInquiry standard_inquiry() {
  scsi::StandardInquiry inquiry;
  inquiry.version = kSpc4;
  inquiry.command_queuing = true;
  inquiry.vendor = kVendor;
  inquiry.product = kProduct;
  inquiry.revision = kRevision;
  return inquiry;
}

}  // namespace

Result<std::unique_ptr<LogicalUnit>> LogicalUnit::create(const LunConfig& config, const TargetConfig& target,
                                                         std::size_t index) {
  auto disk = Disk::create(config, target.release_unmapped_pages);
  if (!disk) return disk.error();
  std::unique_ptr<LogicalUnit> unit(new LogicalUnit);
  unit->index_ = index;
  unit->number_ = config.number;
  unit->disk_ = std::move(*disk);
  unit->read_only_ = config.read_only;
  unit->force_unit_access_ = config.force_unit_access;
  unit->max_transfer_bytes_ = target.max_transfer_bytes;
  unit->rename(config.name.empty() ? fmt::format("{}/{}", target.port_id.to_string(), config.number)
                                   : config.name);
  return unit;
}

void LogicalUnit::rename(const std::string& name) {
  const std::uint64_t hash = hash_of(name);
  serial_ = fmt::format("{:016x}", hash);
  naa_ = 0x3000'0000'0000'0000u | hash >> 4;  // NAA 3h: locally assigned (SPC-4 7.8.6.6.3)
}

std::optional<std::vector<std::uint8_t>> LogicalUnit::describe(const scsi::DecodedCdb& cdb) const {
  const scsi::Capacity capacity{.blocks = disk_->blocks(),
                                .block_size = disk_->block_size(),
                                .provisioning_managed = true,
                                .reads_zeroes = true};
  // Current and default values are the same. No value is changeable or saved.
  scsi::ModeParameters mode{
      .write_protected = read_only_, .dpo_fua = force_unit_access_, .caching = std::nullopt};
  if (cdb.page == scsi::kModePageCaching || cdb.page == scsi::kModePageAll)
    mode.caching = scsi::CachingPage{.write_cache = disk_->volatile_cache() && cdb.page_control != 1};
  const bool has_mode_page =
      mode.caching && cdb.page_control != 3 && (cdb.subpage == 0 || cdb.subpage == 0xff);

  switch (cdb.operation) {
    case scsi::Operation::inquiry:
      if (cdb.evpd) return vital_product_data(cdb.page);
      if (cdb.page != 0) return std::nullopt;
      return scsi::encode(standard_inquiry());
    case scsi::Operation::read_capacity_10: return scsi::encode_read_capacity10(capacity);
    case scsi::Operation::read_capacity_16: return scsi::encode_read_capacity16(capacity);
    case scsi::Operation::mode_sense_6:
      if (!has_mode_page) return std::nullopt;
      return scsi::encode_mode_sense6(mode);
    case scsi::Operation::mode_sense_10:
      if (!has_mode_page) return std::nullopt;
      return scsi::encode_mode_sense10(mode);
    default: return std::nullopt;
  }
}

std::optional<std::vector<std::uint8_t>> LogicalUnit::vital_product_data(std::uint8_t page) const {
  const std::uint32_t block_size = disk_->block_size();
  switch (static_cast<scsi::VpdPage>(page)) {
    case scsi::VpdPage::supported_pages:
      return scsi::encode(scsi::SupportedPages{{0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2}});
    case scsi::VpdPage::unit_serial_number: return scsi::encode_unit_serial(serial_);
    case scsi::VpdPage::device_identification: {
      std::array<std::uint8_t, 8> naa;
      scsi::store(naa.data(), naa_);
      return scsi::encode(scsi::DeviceIdentification{
          {scsi::make_naa(naa), scsi::make_t10_vendor_id(kVendor, std::string(kProduct) + ":" + serial_)}});
    }
    case scsi::VpdPage::block_limits:
      return scsi::encode(
          scsi::BlockLimits{.write_same_non_zero = false,
                            .optimal_granularity_blocks = static_cast<std::uint16_t>(4096 / block_size),
                            .max_transfer_blocks = max_transfer_bytes_ / block_size,
                            .max_unmap_blocks = kMaxUnmapBlocks,
                            .max_unmap_descriptors = kMaxUnmapDescriptors,
                            .unmap_granularity_blocks = 1,
                            .max_write_same_blocks = kMaxUnmapBlocks});
    case scsi::VpdPage::block_device_characteristics:
      return scsi::encode(scsi::BlockDeviceCharacteristics{
          .rotation_rate_rpm = scsi::BlockDeviceCharacteristics::kNonRotating});
    case scsi::VpdPage::logical_block_provisioning:
      return scsi::encode(scsi::LogicalBlockProvisioning{.unmap = true,
                                                         .write_same_16 = true,
                                                         .write_same_10 = true,
                                                         .reads_zeroes = true,
                                                         .type = scsi::ProvisioningType::thin});
  }
  return std::nullopt;
}

std::vector<std::uint8_t> describe_nothing() {
  scsi::StandardInquiry inquiry;
  inquiry.qualifier = scsi::PeripheralQualifier::not_capable;
  inquiry.type = scsi::DeviceType::unknown;
  inquiry.version = kSpc4;
  return scsi::encode(inquiry);
}

}  // namespace srpi::target
