// SPDX-License-Identifier: Apache-2.0
// The limits of a channel, which are set when it is created.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace srpi::channel {

struct ChannelLimits {
  std::uint32_t queue_depth = 128;  // commands at the target
  std::uint32_t segments = 32;      // descriptors per command
  base::Duration command_timeout{};
  base::Duration task_management_timeout{};
};

// The limit of concurrent functions whose answer may take any time.
inline constexpr std::uint32_t kMostAside = 16;
// The other slots are for the function that the channel waits for, and for functions that were not answered
// in time.
inline constexpr std::uint32_t kTmfSlots = 4 + kMostAside;

}  // namespace srpi::channel
