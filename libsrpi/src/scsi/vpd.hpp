// SPDX-License-Identifier: Apache-2.0
// Vital product data pages (SPC-4 7.8, SBC-3 6.6), except page 0x83 (scsi/designator.hpp).
//
// The decoders take the page with its four-byte header. The allocation length may have cut the page. Fields
// that were not received are zero, which means "not reported" in these pages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scsi/bytes.hpp"
#include "scsi/inquiry.hpp"

namespace srpi::scsi {

enum class VpdPage : std::uint8_t {
  supported_pages = 0x00,
  unit_serial_number = 0x80,
  device_identification = 0x83,
  block_limits = 0xb0,
  block_device_characteristics = 0xb1,
  logical_block_provisioning = 0xb2,
};
[[nodiscard]] const char* to_string(VpdPage) noexcept;

inline constexpr std::size_t kVpdHeaderBytes = 4;

struct VpdView {
  Bytes data;              // the received part after the header
  std::size_t page_bytes;  // of the whole page with its header: the allocation length that gets all
  bool truncated;
};
// protocol_error: an incomplete header, or a different page. A target that ignores EVPD returns page 0x00.
[[nodiscard]] Result<VpdView> open_vpd(Bytes, VpdPage expected);
// For the target: a page with its header.
[[nodiscard]] std::vector<std::uint8_t> make_vpd(VpdPage, Bytes data, DeviceType = DeviceType::direct_access);

struct SupportedPages {
  std::vector<std::uint8_t> pages;
  bool truncated = false;
  [[nodiscard]] bool contains(VpdPage) const noexcept;
};
[[nodiscard]] Result<SupportedPages> decode_supported_pages(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode(const SupportedPages&);

[[nodiscard]] Result<std::string> decode_unit_serial(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode_unit_serial(const std::string&);

// Page 0xB0. Lengths are in logical blocks. Zero means "not reported": no limit for max_transfer and
// max_write_same, "not implemented" for the two unmap counts.
struct BlockLimits {
  bool write_same_non_zero = false;  // WSNZ: WRITE SAME of 0 blocks ("to the end") is refused
  std::uint8_t max_compare_and_write_blocks = 0;
  std::uint16_t optimal_granularity_blocks = 0;
  std::uint32_t max_transfer_blocks = 0;
  std::uint32_t optimal_transfer_blocks = 0;
  std::uint32_t max_prefetch_blocks = 0;
  std::uint32_t max_unmap_blocks = 0;       // 0xffffffff: no limit
  std::uint32_t max_unmap_descriptors = 0;  // 0xffffffff: no limit
  std::uint32_t unmap_granularity_blocks = 0;
  std::uint32_t unmap_alignment_blocks = 0;  // zero without UGAVALID
  std::uint64_t max_write_same_blocks = 0;
  friend bool operator==(const BlockLimits&, const BlockLimits&) = default;
};
[[nodiscard]] Result<BlockLimits> decode_block_limits(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode(const BlockLimits&);

// Page 0xB1.
struct BlockDeviceCharacteristics {
  static constexpr std::uint16_t kNotReported = 0, kNonRotating = 1;
  std::uint16_t rotation_rate_rpm = kNotReported;
  std::uint8_t form_factor = 0;
  std::uint8_t zoned = 0;  // 1: host-aware, 2: device-managed
  [[nodiscard]] bool rotational() const noexcept {
    return rotation_rate_rpm > 0x400 && rotation_rate_rpm < 0xffff;
  }
  friend bool operator==(const BlockDeviceCharacteristics&, const BlockDeviceCharacteristics&) = default;
};
[[nodiscard]] Result<BlockDeviceCharacteristics> decode_block_device_characteristics(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode(const BlockDeviceCharacteristics&);

enum class ProvisioningType : std::uint8_t { not_reported = 0, resource = 1, thin = 2 };  // 3-7 reserved
[[nodiscard]] const char* to_string(ProvisioningType) noexcept;

// Page 0xB2.
struct LogicalBlockProvisioning {
  std::uint8_t threshold_exponent = 0;
  bool unmap = false;          // LBPU: UNMAP works
  bool write_same_16 = false;  // LBPWS: WRITE SAME(16) with the UNMAP bit works
  bool write_same_10 = false;  // LBPWS10
  bool reads_zeroes = false;   // LBPRZ: unmapped blocks read as zero
  bool anchor = false;         // ANC_SUP
  ProvisioningType type = ProvisioningType::not_reported;
  friend bool operator==(const LogicalBlockProvisioning&, const LogicalBlockProvisioning&) = default;
};
[[nodiscard]] Result<LogicalBlockProvisioning> decode_logical_block_provisioning(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode(const LogicalBlockProvisioning&);

}  // namespace srpi::scsi
