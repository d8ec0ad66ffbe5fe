// SPDX-License-Identifier: Apache-2.0
// Serves an NBD client by a lane.
#pragma once

#include <cstdint>

#include "lane/lane.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

// Serves the logical unit on `socket`, a stream socket in NBD's transmission phase. May be called on any
// thread, and reports errors as Lane::host does.
void serve_nbd(Lane&, std::uint64_t connection_id, UniqueFd socket, std::uint64_t lun);

}  // namespace srp_nbd
