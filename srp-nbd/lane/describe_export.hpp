// SPDX-License-Identifier: Apache-2.0
// How a logical unit, and an error of the library, look to an NBD client.
#pragma once

#include "lane/lane_options.hpp"
#include "nbd/export_info.hpp"
#include "nbd/wire.hpp"
#include "srpi/session.hpp"

namespace srp_nbd {

// Flush and FUA are always offered (the library makes FUA of a flush where the unit has none), trim and
// write-zeroes where the unit can, several connections always: all of them see one unit.
[[nodiscard]] ExportInfo describe_export(const srpi::LogicalUnitInfo&, const LaneOptions&,
                                         bool read_only = false);

[[nodiscard]] nbd::WireError to_wire_error(srpi::Errc) noexcept;

}  // namespace srp_nbd
