// SPDX-License-Identifier: Apache-2.0
// How a logical unit, and an error of the library, look to an NBD client.
#pragma once

#include "lane/lane_options.hpp"
#include "nbd/export_info.hpp"
#include "nbd/wire.hpp"
#include "srpi/session.hpp"

namespace srp_nbd {

// Always offered: flush, FUA (the library makes it of a flush where the unit has none), and several connections, since
// all of them see one unit. Trim and write-zeroes are offered where the unit can.
[[nodiscard]] ExportInfo describe_export(const srpi::LogicalUnitInfo&, const LaneOptions&);

[[nodiscard]] nbd::WireError to_wire_error(srpi::Errc) noexcept;

}  // namespace srp_nbd
