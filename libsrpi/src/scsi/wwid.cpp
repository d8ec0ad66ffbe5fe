// SPDX-License-Identifier: Apache-2.0
// From the designators of VPD page 0x83 to one name for the logical unit.
#include <fmt/format.h>

#include <tuple>

#include "scsi/designator.hpp"

namespace srpi::scsi {
namespace {

// NAA in the high four bits of the first byte (SPC-4 7.8).
enum : std::uint8_t { kNaaExtended = 2, kNaaLocal = 3, kNaaRegistered = 5, kNaaRegisteredExtended = 6 };

std::uint8_t naa_of(const Designator& designator) {
  return designator.value.empty() ? 0 : static_cast<std::uint8_t>(designator.value[0] >> 4);
}

bool naa_length_is_right(const Designator& designator) {
  switch (naa_of(designator)) {
    case kNaaExtended:
    case kNaaLocal:
    case kNaaRegistered:
      return designator.value.size() == 8;
    case kNaaRegisteredExtended:
      return designator.value.size() == 16;
    default:
      return false;
  }
}

// SPC-5: UUID type 1 in the high four bits of byte 0, the UUID from byte 2 on.
std::string uuid_text(Bytes value) {
  if (value.size() != 18 || value[0] >> 4 != 1) return {};
  const auto digits = hex(value.subspan(2));
  return fmt::format("uuid.{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4),
                     digits.substr(16, 4), digits.substr(20));
}

std::string prefixed(const char* prefix, const std::string& text) {
  return text.empty() ? text : prefix + text;
}

// The vendor's name is padded to eight bytes, and what follows often is, too. As udev does for its links, a run of
// blanks is one '_': the name stays one word.
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

// Smaller is better; by who guarantees that the name is unique.
unsigned rank_of(const Designator& designator) {
  switch (designator.type) {
    case DesignatorType::naa:
      return naa_of(designator) == kNaaLocal ? 6 : 0;  // 3: by its administrator alone
    case DesignatorType::eui64:
      return 1;
    case DesignatorType::uuid:
      return 2;
    case DesignatorType::scsi_name_string:
      return 3;
    case DesignatorType::t10_vendor_id:
      return 4;
    case DesignatorType::md5:
      return 5;
    default:
      return 7;
  }
}

}  // namespace

std::string wwid_of(const Designator& designator) {
  if (designator.association != Association::logical_unit) return {};
  const Bytes value{designator.value};
  switch (designator.type) {
    case DesignatorType::naa:
      return naa_length_is_right(designator) ? "naa." + hex(value) : std::string{};
    case DesignatorType::eui64:
      return value.size() == 8 || value.size() == 12 || value.size() == 16 ? "eui." + hex(value)
                                                                           : std::string{};
    case DesignatorType::uuid:
      return uuid_text(value);
    case DesignatorType::scsi_name_string:
      return text_of(value);  // has its own prefix: "iqn.", "naa.", "eui."
    case DesignatorType::t10_vendor_id:
      return prefixed("t10.", one_word(text_of(value)));
    case DesignatorType::md5:
      return value.size() == 16 ? "md5." + hex(value) : std::string{};
    case DesignatorType::vendor_specific:
      return prefixed("vendor.", designator.code_set == CodeSet::binary ? hex(value) : text_of(value));
    case DesignatorType::relative_target_port:
    case DesignatorType::target_port_group:
    case DesignatorType::logical_unit_group:
    case DesignatorType::protocol_specific_port:
      break;
  }
  return {};
}

std::string select_wwid(const DeviceIdentification& identification) {
  std::string best;
  const Designator* chosen = nullptr;
  for (const auto& designator : identification.designators) {
    auto name = wwid_of(designator);
    if (name.empty()) continue;
    // Rank, then the longer value, then the smaller text.
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
