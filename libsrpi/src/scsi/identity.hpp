// SPDX-License-Identifier: Apache-2.0
// Decides whether the logical unit is the same one as before. Used after every login, before any I/O.
#pragma once

#include <cstdint>
#include <string>

#include "srpi/error.hpp"

namespace srpi::scsi {

struct LogicalUnitIdentity {
  std::string wwid;    // from VPD 0x83 (select_wwid); empty: the unit has none
  std::string serial;  // from VPD 0x80; empty: the unit has none
  std::string vendor, product, revision;
  std::uint32_t block_size = 0;  // bytes
  std::uint64_t blocks = 0;
  friend bool operator==(const LogicalUnitIdentity&, const LogicalUnitIdentity&) = default;
};

// "LIO-ORG vol0 rev 4.0, wwid naa.6001405…, serial 60c1…, 2048 blocks of 512 bytes"
[[nodiscard]] std::string to_string(const LogicalUnitIdentity&);

enum class IdentityProof : std::uint8_t {
  wwid,     // the same name in VPD 0x83
  serial,   // no such name, the same serial number
  product,  // neither: the same vendor, product and capacity
};
[[nodiscard]] const char* to_string(IdentityProof) noexcept;

struct IdentityMatch {
  IdentityProof proof = IdentityProof::wwid;
  bool grown = false;  // it has more blocks than before
};

// The errors have both identities in their text. identity_mismatch, a different unit, unless all of these hold:
// - A name (wwid or serial number) that was there before and is there now is equal.
// - The block size is equal, and the capacity has not shrunk.
// - Without any name, vendor, product and capacity are equal.
// With a name, vendor and product do not count, because firmware updates change them.
// unidentified, perhaps a different unit:
// - The wwid is gone, or the serial number is gone and no wwid proves the unit. The same for vendor and product of a
//   unit without names.
// - There is a new name, and the other name does not prove the unit.
[[nodiscard]] Result<IdentityMatch> compare(const LogicalUnitIdentity& before,
                                            const LogicalUnitIdentity& now);

}  // namespace srpi::scsi
