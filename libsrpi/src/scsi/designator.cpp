// SPDX-License-Identifier: Apache-2.0
#include "scsi/designator.hpp"

#include <fmt/format.h>

#include "scsi/vpd.hpp"

namespace srpi::scsi {
namespace {

constexpr std::size_t kDesignatorHeaderBytes = 4;
constexpr std::size_t kMaxValueBytes = 255;

Designator decode_designator(Bytes header, Bytes value) {
  Designator out;
  out.protocol = header[0] >> 4;
  out.code_set = static_cast<CodeSet>(header[0] & 0xf);
  out.protocol_valid = (header[1] & 0x80) != 0;
  out.association = static_cast<Association>(header[1] >> 4 & 3);
  out.type = static_cast<DesignatorType>(header[1] & 0xf);
  out.value.assign(value.begin(), value.end());
  return out;
}

}  // namespace

Result<DeviceIdentification> decode_device_identification(Bytes bytes) {
  const auto view = open_vpd(bytes, VpdPage::device_identification);
  if (!view) return view.error();
  DeviceIdentification out;
  out.truncated = view->truncated;
  out.page_bytes = view->page_bytes;
  const auto data = view->data;
  for (std::size_t at = 0, number = 1; at < data.size(); ++number) {
    const auto left = data.size() - at;
    if (left < kDesignatorHeaderBytes) {
      if (out.truncated) break;
      return protocol_error(fmt::format("VPD 0x83: designator {} at byte {} has only {} of {} header bytes",
                                        number, kVpdHeaderBytes + at, left, kDesignatorHeaderBytes));
    }
    const std::size_t length = data[at + 3];
    if (left - kDesignatorHeaderBytes < length) {
      if (out.truncated) break;
      return protocol_error(fmt::format("VPD 0x83: designator {} at byte {} claims {} bytes, {} left", number,
                                        kVpdHeaderBytes + at, length, left - kDesignatorHeaderBytes));
    }
    out.designators.push_back(decode_designator(data.subspan(at, kDesignatorHeaderBytes),
                                                data.subspan(at + kDesignatorHeaderBytes, length)));
    at += kDesignatorHeaderBytes + length;
  }
  return out;
}

std::vector<std::uint8_t> encode(const DeviceIdentification& identification) {
  std::vector<std::uint8_t> data;
  for (const auto& designator : identification.designators) {
    if (designator.value.size() > kMaxValueBytes) continue;
    data.push_back(static_cast<std::uint8_t>(designator.protocol << 4 |
                                             (static_cast<unsigned>(designator.code_set) & 0xf)));
    data.push_back(static_cast<std::uint8_t>((designator.protocol_valid ? 0x80u : 0u) |
                                             (static_cast<unsigned>(designator.association) & 3) << 4 |
                                             (static_cast<unsigned>(designator.type) & 0xf)));
    data.push_back(0);
    data.push_back(static_cast<std::uint8_t>(designator.value.size()));
    data.insert(data.end(), designator.value.begin(), designator.value.end());
  }
  return make_vpd(VpdPage::device_identification, data);
}

Designator make_naa(Bytes value) {
  Designator out;
  out.type = DesignatorType::naa;
  out.code_set = CodeSet::binary;
  out.value.assign(value.begin(), value.end());
  return out;
}

Designator make_t10_vendor_id(const std::string& vendor, const std::string& rest) {
  Designator out;
  out.type = DesignatorType::t10_vendor_id;
  out.code_set = CodeSet::ascii;
  out.value.resize(8);
  store_text(out.value, vendor);
  out.value.insert(out.value.end(), rest.begin(), rest.end());
  return out;
}

const char* to_string(CodeSet code_set) noexcept {
  switch (code_set) {
    case CodeSet::reserved: return "reserved";
    case CodeSet::binary: return "binary";
    case CodeSet::ascii: return "ASCII";
    case CodeSet::utf8: return "UTF-8";
  }
  return "reserved";
}

const char* to_string(Association association) noexcept {
  switch (association) {
    case Association::logical_unit: return "logical unit";
    case Association::target_port: return "target port";
    case Association::target_device: return "target device";
    case Association::reserved: return "reserved";
  }
  return "reserved";
}

const char* to_string(DesignatorType type) noexcept {
  switch (type) {
    case DesignatorType::vendor_specific: return "vendor specific";
    case DesignatorType::t10_vendor_id: return "T10 vendor id";
    case DesignatorType::eui64: return "EUI-64";
    case DesignatorType::naa: return "NAA";
    case DesignatorType::relative_target_port: return "relative target port";
    case DesignatorType::target_port_group: return "target port group";
    case DesignatorType::logical_unit_group: return "logical unit group";
    case DesignatorType::md5: return "MD5";
    case DesignatorType::scsi_name_string: return "SCSI name string";
    case DesignatorType::protocol_specific_port: return "protocol specific port";
    case DesignatorType::uuid: return "UUID";
  }
  return "reserved";
}

}  // namespace srpi::scsi
