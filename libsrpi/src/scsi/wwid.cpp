// SPDX-License-Identifier: Apache-2.0
// Chooses one name for the logical unit from the designators of VPD page 0x83.
#include <fmt/format.h>

#include <tuple>

#include "scsi/designator.hpp"

namespace srpi::scsi {
namespace {

// The NAA field is the high four bits of the first byte (SPC-4 7.8).
enum : std::uint8_t { kNaaExtended = 2, kNaaLocal = 3, kNaaRegistered = 5, kNaaRegisteredExtended = 6 };

std::uint8_t naa_of(const Designator& designator) {
  return designator.value.empty() ? 0 : static_cast<std::uint8_t>(designator.value[0] >> 4);
}

bool naa_length_is_right(const Designator& designator) {
  switch (naa_of(designator)) {
    case kNaaExtended:
    case kNaaLocal:
    case kNaaRegistered: return designator.value.size() == 8;
    case kNaaRegisteredExtended: return designator.value.size() == 16;
    default: return false;
  }
}

// SPC-5: the high four bits of byte 0 are the UUID type, 1; the UUID starts at byte 2.
std::string uuid_text(Bytes value) {
  if (value.size() != 18 || value[0] >> 4 != 1) return {};
  const auto digits = hex(value.subspan(2));
  return fmt::format("uuid.{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4),
                     digits.substr(16, 4), digits.substr(20));
}

std::string prefixed(const char* prefix, const std::string& text) {
  return text.empty() ? text : prefix + text;
}

// Vendor names and often the text after them are padded with blanks. A run of blanks becomes one '_', as in
// udev's links.
std::string one_word(const std::string& text) {
  std::string word;
  for (const char c : text) {
    if (c != ' ')
      word += c;
    else if (!word.empty() && word.back() != '_')
      word += '_';
  }
  return word;
}

// Ranks the types by how well uniqueness is guaranteed. Smaller is better.
unsigned rank_of(const Designator& designator) {
  switch (designator.type) {
    case DesignatorType::naa:
      return naa_of(designator) == kNaaLocal ? 6 : 0;  // 3: only the administrator guarantees it
    case DesignatorType::eui64: return 1;
    case DesignatorType::uuid: return 2;
    case DesignatorType::scsi_name_string: return 3;
    case DesignatorType::t10_vendor_id: return 4;
    case DesignatorType::md5: return 5;
    default: return 7;
  }
}

}  // namespace

std::string wwid_of(const Designator& designator) {
  if (designator.association != Association::logical_unit) return {};
  const Bytes value{designator.value};
  switch (designator.type) {
    case DesignatorType::naa: return naa_length_is_right(designator) ? "naa." + hex(value) : std::string{};
    case DesignatorType::eui64:
      return value.size() == 8 || value.size() == 12 || value.size() == 16 ? "eui." + hex(value)
                                                                           : std::string{};
    case DesignatorType::uuid: return uuid_text(value);
    case DesignatorType::scsi_name_string:
      return text_of(value);  // the text has a prefix already: "iqn.", "naa.", "eui."
    case DesignatorType::t10_vendor_id: return prefixed("t10.", one_word(text_of(value)));
    case DesignatorType::md5: return value.size() == 16 ? "md5." + hex(value) : std::string{};
    case DesignatorType::vendor_specific:
      return prefixed("vendor.", designator.code_set == CodeSet::binary ? hex(value) : text_of(value));
    case DesignatorType::relative_target_port:
    case DesignatorType::target_port_group:
    case DesignatorType::logical_unit_group:
    case DesignatorType::protocol_specific_port: break;
  }
  return {};
}

std::string select_wwid(const DeviceIdentification& identification) {
  std::string best;
  const Designator* chosen = nullptr;
  for (const auto& designator : identification.designators) {
    auto name = wwid_of(designator);
    if (name.empty()) continue;
    // The order: rank, then the longer value, then the smaller text.
    const auto better = [&] {
      const auto old_size = chosen->value.size(), new_size = designator.value.size();
      const auto old_rank = rank_of(*chosen), new_rank = rank_of(designator);
      return std::tie(new_rank, old_size, name) < std::tie(old_rank, new_size, best);
    };
    if (chosen == nullptr || better()) {
      chosen = &designator;
      best = std::move(name);
    }
  }
  return best;
}

}  // namespace srpi::scsi
