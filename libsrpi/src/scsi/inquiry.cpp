// SPDX-License-Identifier: Apache-2.0
#include "scsi/inquiry.hpp"

#include <algorithm>

namespace srpi::scsi {

Result<StandardInquiry> decode_standard_inquiry(Bytes bytes) {
  if (bytes.empty()) return protocol_error("INQUIRY: no data");
  const std::size_t stated = bytes.size() < 5 ? bytes.size() : std::size_t{bytes[4]} + 5;
  const Reader in{bytes.first(std::min(bytes.size(), stated))};
  StandardInquiry out;
  out.qualifier = static_cast<PeripheralQualifier>(in.u8(0) >> 5);
  out.type = static_cast<DeviceType>(in.u8(0) & 0x1f);
  out.removable = in.bit(1, 7);
  out.version = in.u8(2);
  out.protection = in.bit(5, 0);
  out.command_queuing = in.bit(7, 1);
  out.vendor = text_of(in.slice(8, 8));
  out.product = text_of(in.slice(16, 16));
  out.revision = text_of(in.slice(32, 4));
  return out;
}

std::vector<std::uint8_t> encode(const StandardInquiry& inquiry) {
  std::vector<std::uint8_t> out(kStandardInquiryBytes);
  out[0] = static_cast<std::uint8_t>(static_cast<unsigned>(inquiry.qualifier) << 5 |
                                     static_cast<unsigned>(inquiry.type));
  out[1] = inquiry.removable ? 0x80 : 0;
  out[2] = inquiry.version;
  out[3] = 0x12;  // HISUP; RESPONSE DATA FORMAT 2
  out[4] = kStandardInquiryBytes - 5;
  out[5] = inquiry.protection ? 0x01 : 0;
  out[7] = inquiry.command_queuing ? 0x02 : 0;
  const std::span<std::uint8_t> all{out};
  store_text(all.subspan(8, 8), inquiry.vendor);
  store_text(all.subspan(16, 16), inquiry.product);
  store_text(all.subspan(32, 4), inquiry.revision);
  return out;
}

const char* to_string(PeripheralQualifier qualifier) noexcept {
  switch (qualifier) {
    case PeripheralQualifier::connected: return "connected";
    case PeripheralQualifier::not_connected: return "not connected";
    case PeripheralQualifier::reserved: return "reserved";
    case PeripheralQualifier::not_capable: return "no logical unit";
  }
  return "vendor specific qualifier";
}

const char* to_string(DeviceType type) noexcept {
  switch (type) {
    case DeviceType::direct_access: return "direct access";
    case DeviceType::sequential_access: return "sequential access";
    case DeviceType::printer: return "printer";
    case DeviceType::processor: return "processor";
    case DeviceType::write_once: return "write once";
    case DeviceType::cd_dvd: return "CD/DVD";
    case DeviceType::optical_memory: return "optical memory";
    case DeviceType::media_changer: return "media changer";
    case DeviceType::storage_array_controller: return "storage array controller";
    case DeviceType::enclosure_services: return "enclosure services";
    case DeviceType::simplified_direct_access: return "simplified direct access";
    case DeviceType::object_storage: return "object storage";
    case DeviceType::zoned_block: return "zoned block";
    case DeviceType::well_known: return "well-known logical unit";
    case DeviceType::unknown: return "unknown";
  }
  return "reserved device type";
}

}  // namespace srpi::scsi
