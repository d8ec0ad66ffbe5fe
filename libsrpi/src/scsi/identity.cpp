// SPDX-License-Identifier: Apache-2.0
#include "scsi/identity.hpp"

#include <fmt/format.h>

namespace srpi::scsi {
namespace {

enum class NameComparison : std::uint8_t { absent, equal, appeared, disappeared, different };

NameComparison compare_names(const std::string& before, const std::string& now) {
  if (before.empty()) return now.empty() ? NameComparison::absent : NameComparison::appeared;
  if (now.empty()) return NameComparison::disappeared;
  return before == now ? NameComparison::equal : NameComparison::different;
}

}  // namespace

std::string to_string(const LogicalUnitIdentity& id) {
  std::string text =
      fmt::format("{} {} rev {}", id.vendor.empty() ? "?" : id.vendor, id.product.empty() ? "?" : id.product,
                  id.revision.empty() ? "?" : id.revision);
  text += id.wwid.empty() ? ", no wwid" : ", wwid " + id.wwid;
  text += id.serial.empty() ? ", no serial" : ", serial " + id.serial;
  return text + fmt::format(", {} blocks of {} bytes", id.blocks, id.block_size);
}

const char* to_string(IdentityProof proof) noexcept {
  switch (proof) {
    case IdentityProof::wwid: return "wwid";
    case IdentityProof::serial: return "serial";
    case IdentityProof::product: return "vendor and product";
  }
  return "unknown proof";
}

Result<IdentityMatch> compare(const LogicalUnitIdentity& before, const LogicalUnitIdentity& now) {
  const auto mismatch = [&](const char* what) {
    return Error{Errc::identity_mismatch,
                 fmt::format("{}: expected {}; found {}", what, to_string(before), to_string(now))};
  };
  const auto wwid = compare_names(before.wwid, now.wwid);
  const auto serial = compare_names(before.serial, now.serial);
  if (wwid == NameComparison::different) return mismatch("another wwid (VPD 0x83)");
  if (serial == NameComparison::different) return mismatch("another serial number (VPD 0x80)");
  if (wwid == NameComparison::disappeared) return mismatch("the wwid (VPD 0x83) is gone");
  if (serial == NameComparison::disappeared) return mismatch("the serial number (VPD 0x80) is gone");

  IdentityMatch match;
  if (wwid == NameComparison::equal) {
    match.proof = IdentityProof::wwid;
  } else if (serial == NameComparison::equal) {
    match.proof = IdentityProof::serial;
  } else if (wwid == NameComparison::appeared || serial == NameComparison::appeared) {
    return mismatch("a name that the unit did not have before");
  } else {
    match.proof = IdentityProof::product;
    if (before.vendor != now.vendor || before.product != now.product)
      return mismatch("another vendor or product");
    // Without names, a different size is the only other sign of a different unit.
    if (before.blocks != now.blocks)
      return mismatch("another capacity of a unit without wwid and serial number");
  }
  if (before.block_size != now.block_size) return mismatch("another block size");
  if (now.blocks < before.blocks) return mismatch("the capacity has shrunk");
  match.grown = now.blocks > before.blocks;
  return match;
}

}  // namespace srpi::scsi
