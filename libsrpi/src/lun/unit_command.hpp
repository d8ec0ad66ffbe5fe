// SPDX-License-Identifier: Apache-2.0
// One command of a unit's pool, with its request.
#pragma once

#include "base/clock.hpp"
#include "channel/command.hpp"
#include "lun/unit.hpp"
#include "scsi/disposition.hpp"

namespace srpi::lun {

inline constexpr std::uint32_t kUnmapListBytes =
    64;  // header and one descriptor, with a cache line of its own

struct UnitCommand {
  channel::Command command;
  Unit* unit = nullptr;
  IoRequest* request = nullptr;  // null: the command is free
  channel::DataSegment* segments = nullptr;
  scsi::RetryBudget budget;
  base::Time retry_at = base::kNever;
  bool aborting = false;  // an operator's abort waits for its end, so it is not sent again
};

}  // namespace srpi::lun
