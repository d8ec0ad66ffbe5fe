// SPDX-License-Identifier: Apache-2.0
// Checker 9: every transition of the session and every kind of fault has been seen, and what becomes of
// further channels.
#pragma once

#include "faults.hpp"
#include "simulation.hpp"

namespace srpi::sim {

// Prints what is missing; returns how much that is.
[[nodiscard]] std::size_t print_missing(const FaultCounts&, const RowCounts&, const session::ChannelHistory&);

}  // namespace srpi::sim
