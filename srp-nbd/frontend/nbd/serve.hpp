// SPDX-License-Identifier: Apache-2.0
// The way into a lane for an NBD client.
#pragma once

#include <cstdint>

#include "lane/lane.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

// Serves the unit with that number on `socket`, a stream socket in NBD's transmission phase. As Lane::host, on any
// thread.
void serve_nbd(Lane&, std::uint64_t connection_id, UniqueFd socket, std::uint64_t lun);

}  // namespace srp_nbd
