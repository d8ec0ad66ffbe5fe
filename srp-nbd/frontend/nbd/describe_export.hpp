// SPDX-License-Identifier: Apache-2.0
// Translates a logical unit and the library's errors into NBD's terms.
#pragma once

#include "lane/io_memory.hpp"
#include "nbd/export_info.hpp"
#include "nbd/wire.hpp"
#include "srpi/session.hpp"

namespace srp_nbd {

// Every export offers flush, FUA (if the unit lacks it, the library flushes instead), and several
// connections, because all of them access the same unit. Trim and write-zeroes are offered if the unit
// supports them.
[[nodiscard]] ExportInfo describe_export(const srpi::LogicalUnitInfo&, const LaneOptions&);

[[nodiscard]] nbd::WireError to_wire_error(srpi::Errc) noexcept;

}  // namespace srp_nbd
