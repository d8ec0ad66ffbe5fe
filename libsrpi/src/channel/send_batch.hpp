// SPDX-License-Identifier: Apache-2.0
// The work requests of one post_send. A channel has one batch and uses it again and again: to set one up for each
// post costs more instructions than to send a read.
#pragma once

#include <array>
#include <cstdint>

#include "channel/layout.hpp"
#include "fabric/work.hpp"

namespace srpi::channel {

struct SendBatch {
  std::array<fabric::SendWork, kPostBatch> work;
  std::array<std::array<fabric::Sge, 2>, kPostBatch> sges;  // of the work request with the same index
  std::uint32_t count = 0;                                  // prepared and not posted
};

}  // namespace srpi::channel
