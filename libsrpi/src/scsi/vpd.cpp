// SPDX-License-Identifier: Apache-2.0
#include "scsi/vpd.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace srpi::scsi {
namespace {

constexpr std::size_t kBlockLimitsBytes = 0x3c;  // SBC-3; SBC-2 has 0x0c
constexpr std::size_t kBlockDeviceCharacteristicsBytes = 0x3c;
constexpr std::size_t kLogicalBlockProvisioningBytes = 4;
constexpr std::size_t kMostSerialBytes = 255;  // of the page's form in SPC-2

}  // namespace

Result<VpdView> open_vpd(Bytes bytes, VpdPage expected) {
  const auto page = static_cast<unsigned>(expected);
  if (bytes.size() < kVpdHeaderBytes)
    return protocol_error(fmt::format("VPD 0x{:02x}: {} bytes, less than the {} bytes of the header", page,
                                      bytes.size(), kVpdHeaderBytes));
  if (bytes[1] != page)
    return protocol_error(fmt::format("VPD 0x{:02x}: received page 0x{:02x} instead", page, bytes[1]));
  const std::size_t length = load<std::uint16_t>(bytes.data() + 2);
  const auto data = bytes.subspan(kVpdHeaderBytes);
  return VpdView{data.first(std::min(length, data.size())), length + kVpdHeaderBytes, length > data.size()};
}

std::vector<std::uint8_t> make_vpd(VpdPage page, Bytes data, DeviceType type) {
  const auto size = std::min<std::size_t>(data.size(), 0xffff);
  std::vector<std::uint8_t> out(kVpdHeaderBytes + size);
  out[0] = static_cast<std::uint8_t>(type);
  out[1] = static_cast<std::uint8_t>(page);
  store(&out[2], static_cast<std::uint16_t>(size));
  std::copy_n(data.begin(), size, out.begin() + kVpdHeaderBytes);
  return out;
}

bool SupportedPages::contains(VpdPage page) const noexcept {
  return std::find(pages.begin(), pages.end(), static_cast<std::uint8_t>(page)) != pages.end();
}

Result<SupportedPages> decode_supported_pages(Bytes bytes) {
  const auto view = open_vpd(bytes, VpdPage::supported_pages);
  if (!view) return view.error();
  return SupportedPages{{view->data.begin(), view->data.end()}, view->truncated};
}

std::vector<std::uint8_t> encode(const SupportedPages& supported) {
  return make_vpd(VpdPage::supported_pages, supported.pages);
}

Result<std::string> decode_unit_serial(Bytes bytes) {
  const auto view = open_vpd(bytes, VpdPage::unit_serial_number);
  if (!view) return view.error();
  if (view->data.size() > kMostSerialBytes)
    return protocol_error(fmt::format("VPD 0x80: a serial number of {} bytes, expected at most {}",
                                      view->data.size(), kMostSerialBytes));
  return text_of(view->data);
}

std::vector<std::uint8_t> encode_unit_serial(const std::string& serial) {
  return make_vpd(VpdPage::unit_serial_number, std::vector<std::uint8_t>(serial.begin(), serial.end()));
}

// The offsets are those of SBC-3 minus the four bytes of the header.
Result<BlockLimits> decode_block_limits(Bytes bytes) {
  const auto view = open_vpd(bytes, VpdPage::block_limits);
  if (!view) return view.error();
  const Reader in{view->data};
  BlockLimits out;
  out.write_same_non_zero = in.bit(0, 0);
  out.max_compare_and_write_blocks = in.u8(1);
  out.optimal_granularity_blocks = in.u16(2);
  out.max_transfer_blocks = in.u32(4);
  out.optimal_transfer_blocks = in.u32(8);
  out.max_prefetch_blocks = in.u32(12);
  out.max_unmap_blocks = in.u32(16);
  out.max_unmap_descriptors = in.u32(20);
  out.unmap_granularity_blocks = in.u32(24);
  if (in.bit(28, 7)) out.unmap_alignment_blocks = in.u32(28) & 0x7fffffff;
  out.max_write_same_blocks = in.u64(32);
  return out;
}

std::vector<std::uint8_t> encode(const BlockLimits& limits) {
  std::vector<std::uint8_t> data(kBlockLimitsBytes);
  data[0] = limits.write_same_non_zero ? 1 : 0;
  data[1] = limits.max_compare_and_write_blocks;
  store(&data[2], limits.optimal_granularity_blocks);
  store(&data[4], limits.max_transfer_blocks);
  store(&data[8], limits.optimal_transfer_blocks);
  store(&data[12], limits.max_prefetch_blocks);
  store(&data[16], limits.max_unmap_blocks);
  store(&data[20], limits.max_unmap_descriptors);
  store(&data[24], limits.unmap_granularity_blocks);
  if (limits.unmap_alignment_blocks != 0) store(&data[28], limits.unmap_alignment_blocks | 0x80000000u);
  store(&data[32], limits.max_write_same_blocks);
  return make_vpd(VpdPage::block_limits, data);
}

Result<BlockDeviceCharacteristics> decode_block_device_characteristics(Bytes bytes) {
  const auto view = open_vpd(bytes, VpdPage::block_device_characteristics);
  if (!view) return view.error();
  const Reader in{view->data};
  return BlockDeviceCharacteristics{in.u16(0), static_cast<std::uint8_t>(in.u8(3) & 0xf),
                                    static_cast<std::uint8_t>(in.u8(4) >> 4 & 3)};
}

std::vector<std::uint8_t> encode(const BlockDeviceCharacteristics& characteristics) {
  std::vector<std::uint8_t> data(kBlockDeviceCharacteristicsBytes);
  store(&data[0], characteristics.rotation_rate_rpm);
  data[3] = characteristics.form_factor & 0xf;
  data[4] = static_cast<std::uint8_t>((characteristics.zoned & 3) << 4);
  return make_vpd(VpdPage::block_device_characteristics, data);
}

Result<LogicalBlockProvisioning> decode_logical_block_provisioning(Bytes bytes) {
  const auto view = open_vpd(bytes, VpdPage::logical_block_provisioning);
  if (!view) return view.error();
  const Reader in{view->data};
  LogicalBlockProvisioning out;
  out.threshold_exponent = in.u8(0);
  out.unmap = in.bit(1, 7);
  out.write_same_16 = in.bit(1, 6);
  out.write_same_10 = in.bit(1, 5);
  // In SBC-4 the field has three bits (xx1b: zeroes; 010b: a pattern), in SBC-3 only the lowest. Bit 2 means
  // zeroes in both.
  out.reads_zeroes = in.bit(1, 2);
  out.anchor = in.bit(1, 1);
  out.type = static_cast<ProvisioningType>(in.u8(2) & 7);
  return out;
}

std::vector<std::uint8_t> encode(const LogicalBlockProvisioning& provisioning) {
  std::vector<std::uint8_t> data(kLogicalBlockProvisioningBytes);
  data[0] = provisioning.threshold_exponent;
  data[1] =
      static_cast<std::uint8_t>((provisioning.unmap ? 0x80 : 0) | (provisioning.write_same_16 ? 0x40 : 0) |
                                (provisioning.write_same_10 ? 0x20 : 0) |
                                (provisioning.reads_zeroes ? 0x04 : 0) | (provisioning.anchor ? 0x02 : 0));
  data[2] = static_cast<std::uint8_t>(provisioning.type) & 7;
  return make_vpd(VpdPage::logical_block_provisioning, data);
}

const char* to_string(VpdPage page) noexcept {
  switch (page) {
    case VpdPage::supported_pages: return "supported VPD pages";
    case VpdPage::unit_serial_number: return "unit serial number";
    case VpdPage::device_identification: return "device identification";
    case VpdPage::block_limits: return "block limits";
    case VpdPage::block_device_characteristics: return "block device characteristics";
    case VpdPage::logical_block_provisioning: return "logical block provisioning";
  }
  return "unknown VPD page";
}

const char* to_string(ProvisioningType type) noexcept {
  switch (type) {
    case ProvisioningType::not_reported: return "not reported";
    case ProvisioningType::resource: return "resource provisioned";
    case ProvisioningType::thin: return "thin provisioned";
  }
  return "reserved provisioning type";
}

}  // namespace srpi::scsi
