// SPDX-License-Identifier: Apache-2.0
// The parameters that a seed determines: sizes, timers and the likelihood of each fault. Swarm testing: every
// seed disables some kinds of faults and gives the others very different weights, so rare combinations occur.
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
  // 0: off. For faults of deliveries and commands, the chance is weight / 4096. For timed faults it is the
  // weight among them.
  std::array<std::uint32_t, kFaults> weights{};
  base::Duration fault_interval{};         // mean time between timed faults
  base::Duration storm{};                  // duration of the faults
  base::Duration network_delay{};          // mean of a delivery
  std::uint32_t requests = 0;              // maximum during the faults
  std::uint32_t depth = 1;                 // concurrent requests
  std::uint32_t most_blocks = 24;          // of a request
  base::Duration think{};                  // mean time between submissions
  std::uint32_t submit_in_completion = 0;  // chance in 16
  std::uint32_t writes = 8;                // chance in 16
  SessionOptions options;
  target::TargetConfig target;
  std::vector<target::LunConfig> later;  // units that the target adds during the run

  [[nodiscard]] std::uint32_t weight(Fault f) const noexcept { return weights[static_cast<std::size_t>(f)]; }
  [[nodiscard]] static Plan from_seed(std::uint64_t seed);
  // A plan without faults, for scripted scenarios.
  [[nodiscard]] static Plan calm(std::uint64_t seed);
};

}  // namespace srpi::sim
