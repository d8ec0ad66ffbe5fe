// SPDX-License-Identifier: Apache-2.0
// What a seed stands for: sizes, timers, and how likely each fault is. Swarm testing: every seed switches
// some kinds off and weighs the others wildly, so that rare combinations get runs of their own.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/clock.hpp"
#include "faults.hpp"
#include "srpi/session_options.hpp"
#include "target/config.hpp"

namespace srpi::sim {

struct Plan {
  std::uint64_t seed = 0;
  // Weight 0: off. For deliveries and commands a chance of weight in 4096; for timed faults the weight among
  // them.
  std::array<std::uint32_t, kFaults> weights{};
  base::Duration fault_interval{};         // mean time between timed faults
  base::Duration storm{};                  // how long faults go on
  base::Duration network_delay{};          // mean of a delivery
  std::uint32_t requests = 0;              // at most so many while faults are on
  std::uint32_t depth = 1;                 // requests at a time
  std::uint32_t most_blocks = 24;          // of a request
  base::Duration think{};                  // mean time between submissions
  std::uint32_t submit_in_completion = 0;  // chance in 16
  std::uint32_t writes = 8;                // chance in 16
  SessionOptions options;
  target::TargetConfig target;

  [[nodiscard]] std::uint32_t weight(Fault f) const noexcept { return weights[static_cast<std::size_t>(f)]; }
  [[nodiscard]] static Plan from_seed(std::uint64_t seed);
  // The same without a fault: what scripted scenarios start from.
  [[nodiscard]] static Plan calm(std::uint64_t seed);
};

}  // namespace srpi::sim
