// SPDX-License-Identifier: Apache-2.0
// Checker 9: every transition of the session, every kind of fault and every event of further channels has
// occurred.
#pragma once

#include "faults.hpp"
#include "simulation.hpp"

namespace srpi::sim {

// Prints what has not occurred. Returns the number of lines.
[[nodiscard]] std::size_t print_missing(const FaultCounts&, const RowCounts&, const session::ChannelHistory&);

}  // namespace srpi::sim
