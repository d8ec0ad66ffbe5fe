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

// Returns identity_mismatch, with both identities in its text, unless all of these hold:
// - A name (wwid or serial number) that was there before is there now and equal.
// - A new name is accepted only if the other name proves the unit.
// - The block size is equal, and the capacity has not shrunk.
// - Without any name, vendor, product and capacity are equal.
// With a name, vendor and product do not count, because firmware updates change them.
[[nodiscard]] Result<IdentityMatch> compare(const LogicalUnitIdentity& before,
                                            const LogicalUnitIdentity& now);

}  // namespace srpi::scsi
