// SPDX-License-Identifier: Apache-2.0
// Serves an NBD client by a lane, and translates a logical unit and the library's errors into NBD's terms.
#pragma once

#include <cstdint>

#include "lane/lane.hpp"
#include "nbd/transmission.hpp"
#include "srpi/session.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

// Every export offers flush, FUA (if the unit lacks it, the library flushes instead), and several
// connections, because all of them access the same unit. Trim and write-zeroes are offered if the unit
// supports them.
[[nodiscard]] ExportInfo describe_export(const srpi::LogicalUnitInfo&, const LaneOptions&);

// The error number of a reply.
[[nodiscard]] int to_wire_error(srpi::Errc) noexcept;

// Serves the logical unit on `socket`, a stream socket in NBD's transmission phase. `max_request_bytes` limits one
// read or write. A read of more than the lane's own max_request_bytes may be answered in parts; if a part fails
// after the first, the connection is closed, because the protocol has no other way to say so. May be called on
// any thread, and reports errors as Lane::host does.
void serve_nbd(Lane&, std::uint64_t connection_id, UniqueFd socket, std::uint64_t lun,
               std::uint32_t max_request_bytes);

}  // namespace srp_nbd
