// SPDX-License-Identifier: Apache-2.0
#include "export/export.hpp"

#include <atomic>

namespace srp_nbd {

std::uint64_t Export::next_connection_id() noexcept {
  static std::atomic<std::uint64_t> last{0};  // only an identity; the order has no meaning
  return ++last;
}

Outcome<> Export::check_units(const std::vector<srpi::LogicalUnitInfo>& infos) {
  if (!infos.empty()) return {};
  return Failure{
      "no_such_lun",
      "the target shows no logical unit to this initiator: expected at least one; check its access list "
      "for our initiator port id"};
}

ExportedUnit Export::unit(const srpi::LogicalUnitInfo& info) const {
  for (auto& unit : units())
    if (unit.info.lun == info.lun) return unit;
  return {info, {}, {}};
}

}  // namespace srp_nbd
