// SPDX-License-Identifier: Apache-2.0
// Standard INQUIRY data (SPC-4 6.6.2).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

enum class PeripheralQualifier : std::uint8_t {
  connected = 0,      // a device is there, or it is not known
  not_connected = 1,  // supported at this LUN, but not there
  reserved = 2,
  not_capable = 3,  // no logical unit at this LUN
};                  // 4-7: vendor specific
[[nodiscard]] const char* to_string(PeripheralQualifier) noexcept;

enum class DeviceType : std::uint8_t {
  direct_access = 0x00,
  sequential_access = 0x01,
  printer = 0x02,
  processor = 0x03,
  write_once = 0x04,
  cd_dvd = 0x05,
  optical_memory = 0x07,
  media_changer = 0x08,
  storage_array_controller = 0x0c,
  enclosure_services = 0x0d,
  simplified_direct_access = 0x0e,
  object_storage = 0x11,
  zoned_block = 0x14,
  well_known = 0x1e,
  unknown = 0x1f,  // with qualifier not_capable: no unit
};
[[nodiscard]] const char* to_string(DeviceType) noexcept;

struct StandardInquiry {
  PeripheralQualifier qualifier = PeripheralQualifier::connected;
  DeviceType type = DeviceType::direct_access;
  bool removable = false;
  std::uint8_t version = 0;               // 5: SPC-3, 6: SPC-4, 7: SPC-5
  bool protection = false;                // PROTECT: supports protection information
  bool command_queuing = false;           // CMDQUE
  std::string vendor, product, revision;  // without padding

  // True for a logical unit that takes block commands.
  [[nodiscard]] bool is_block_device() const noexcept {
    return qualifier == PeripheralQualifier::connected &&
           (type == DeviceType::direct_access || type == DeviceType::simplified_direct_access);
  }
  friend bool operator==(const StandardInquiry&, const StandardInquiry&) = default;
};

inline constexpr std::size_t kStandardInquiryBytes = 36;  // the minimum of every device

// Fields after the received data, or after the length that the data states, are empty. protocol_error: no
// data.
[[nodiscard]] Result<StandardInquiry> decode_standard_inquiry(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode(const StandardInquiry&);

}  // namespace srpi::scsi
