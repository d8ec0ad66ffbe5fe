// SPDX-License-Identifier: Apache-2.0
// VPD page 0x83, device identification (SPC-4 7.8): the names of a logical unit. One of them becomes its
// wwid.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

enum class CodeSet : std::uint8_t { reserved = 0, binary = 1, ascii = 2, utf8 = 3 };  // 4-15 reserved
[[nodiscard]] const char* to_string(CodeSet) noexcept;

enum class Association : std::uint8_t { logical_unit = 0, target_port = 1, target_device = 2, reserved = 3 };
[[nodiscard]] const char* to_string(Association) noexcept;

enum class DesignatorType : std::uint8_t {
  vendor_specific = 0x0,
  t10_vendor_id = 0x1,
  eui64 = 0x2,
  naa = 0x3,
  relative_target_port = 0x4,
  target_port_group = 0x5,
  logical_unit_group = 0x6,
  md5 = 0x7,
  scsi_name_string = 0x8,
  protocol_specific_port = 0x9,
  uuid = 0xa,
};  // 0xb-0xf reserved
[[nodiscard]] const char* to_string(DesignatorType) noexcept;

struct Designator {
  DesignatorType type = DesignatorType::vendor_specific;
  Association association = Association::logical_unit;
  CodeSet code_set = CodeSet::binary;
  std::uint8_t protocol = 0;    // PROTOCOL IDENTIFIER, if protocol_valid
  bool protocol_valid = false;  // PIV
  std::vector<std::uint8_t> value;
  friend bool operator==(const Designator&, const Designator&) = default;
};

struct DeviceIdentification {
  std::vector<Designator> designators;
  bool truncated = false;      // the page has more than was received
  std::size_t page_bytes = 0;  // the allocation length that gets the whole page
};
// protocol_error: a designator claims more bytes than the page has ("VPD 0x83: designator 2 at byte 24 claims
// 40 bytes, 12 left"). In a truncated page this ends the list instead.
[[nodiscard]] Result<DeviceIdentification> decode_device_identification(Bytes);
// Leaves out values longer than 255 bytes, which do not fit their length field.
[[nodiscard]] std::vector<std::uint8_t> encode(const DeviceIdentification&);

// "naa.60014051…", "eui.0002c903…", "uuid.1b4e28ba-…", "iqn.2003-01.org…" (SCSI name string),
// "t10.LIO-ORG_vol0", "md5.…" or "vendor.…". Empty for a designator that does not name a logical unit or has
// an invalid length for its type.
[[nodiscard]] std::string wwid_of(const Designator&);

// The name by which we identify the logical unit, or empty if it has none. The type with the best guarantee
// of uniqueness wins (NAA registered, EUI-64, UUID, SCSI name, T10 vendor id, …), then the longest value,
// then the smallest text. So the order of the page does not matter.
[[nodiscard]] std::string select_wwid(const DeviceIdentification&);

// For the target: an NAA designator of 8 or 16 bytes, and a T10 vendor id (8 characters of vendor, then the
// rest).
[[nodiscard]] Designator make_naa(Bytes value);
[[nodiscard]] Designator make_t10_vendor_id(const std::string& vendor, const std::string& rest);

}  // namespace srpi::scsi
