// SPDX-License-Identifier: Apache-2.0
// Is the logical unit that answers now the one that answered before? Asked after every reconnect, before any
// I/O.
#pragma once

#include <cstdint>
#include <string>

#include "srpi/error.hpp"

namespace srpi::scsi {

struct LogicalUnitIdentity {
  std::string wwid;    // from VPD 0x83 (select_wwid); empty: the target has none
  std::string serial;  // from VPD 0x80; empty: the target has none
  std::string vendor, product, revision;
  std::uint32_t block_size = 0;  // bytes
  std::uint64_t blocks = 0;
  friend bool operator==(const LogicalUnitIdentity&, const LogicalUnitIdentity&) = default;
};

// "LIO-ORG vol0 rev 4.0, wwid naa.6001405…, serial 60c1…, 2048 blocks of 512 bytes"
[[nodiscard]] std::string to_string(const LogicalUnitIdentity&);

enum class IdentityProof : std::uint8_t {
  wwid,     // same VPD 0x83 name
  serial,   // no such name, but the same serial number
  product,  // neither; the same vendor, product and capacity: weak, but all that such a unit offers
};
[[nodiscard]] const char* to_string(IdentityProof) noexcept;

struct IdentityMatch {
  IdentityProof proof = IdentityProof::wwid;
  bool grown = false;  // more blocks than before; the additional ones are new
};

// identity_mismatch, with both identities in words, unless the unit has proved to be the same: wwid and
// serial equal where both times present; what was present before still there; block size equal; capacity not
// shrunk. A name that appears for the first time is accepted only if the other name proves the unit. Vendor,
// product and revision count only where there is no name at all: firmware updates change them.
[[nodiscard]] Result<IdentityMatch> compare(const LogicalUnitIdentity& before,
                                            const LogicalUnitIdentity& now);

}  // namespace srpi::scsi
