// SPDX-License-Identifier: Apache-2.0
// What a channel is made for.
#pragma once

#include <cstdint>

#include "base/clock.hpp"

namespace srpi::channel {

struct ChannelLimits {
  std::uint32_t queue_depth = 128;  // commands at the target
  std::uint32_t segments = 32;      // descriptors a command carries
  base::Duration command_timeout{};
  base::Duration task_management_timeout{};
};

// Functions whose answer may take for ever, at a time.
inline constexpr std::uint32_t kMostAside = 16;
// Besides them: the function that the channel waits for, and those that were not answered in time.
inline constexpr std::uint32_t kTmfSlots = 4 + kMostAside;

}  // namespace srpi::channel
