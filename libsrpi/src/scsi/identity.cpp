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
  const auto error = [&](Errc code, const char* what) {
    return Error{code, fmt::format("{}: expected {}; found {}", what, to_string(before), to_string(now))};
  };
  const auto mismatch = [&](const char* what) { return error(Errc::identity_mismatch, what); };
  const auto unidentified = [&](const char* what) { return error(Errc::unidentified, what); };
  const auto wwid = compare_names(before.wwid, now.wwid);
  const auto serial = compare_names(before.serial, now.serial);
  if (wwid == NameComparison::different) return mismatch("another wwid (VPD 0x83)");
  if (serial == NameComparison::different) return mismatch("another serial number (VPD 0x80)");
  if (wwid == NameComparison::disappeared) return unidentified("the wwid (VPD 0x83) is gone");
  // Some arrays have one serial number for all units, so only the wwid makes up for a missing one.
  if (serial == NameComparison::disappeared && wwid != NameComparison::equal)
    return unidentified("the serial number (VPD 0x80) is gone");

  IdentityMatch match;
  if (wwid == NameComparison::equal) {
    match.proof = IdentityProof::wwid;
  } else if (serial == NameComparison::equal) {
    match.proof = IdentityProof::serial;
  } else if (wwid == NameComparison::appeared || serial == NameComparison::appeared) {
    return unidentified("a name that the unit did not have before");
  } else {
    match.proof = IdentityProof::product;
    const bool had_product = !before.vendor.empty() || !before.product.empty();
    if (had_product && now.vendor.empty() && now.product.empty())
      return unidentified("vendor and product (INQUIRY) are gone");
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
