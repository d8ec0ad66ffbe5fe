// SPDX-License-Identifier: Apache-2.0
// What every login of a session needs: who logs in where, and what stays the same from attempt to attempt.
#pragma once

#include <optional>

#include "base/clock.hpp"
#include "fabric/endpoint.hpp"
#include "session/away_units.hpp"
#include "session/fence_marks.hpp"
#include "session/memory_table.hpp"
#include "session/proof.hpp"
#include "srpi/port_id.hpp"
#include "srpi/session_options.hpp"
#include "srpi/target_address.hpp"

namespace srpi::session {

struct LoginContext {
  fabric::Fabric& fabric;
  const SessionOptions& options;
  const base::Clock& clock;
  Proof& proof;
  MemoryTable& memories;
  FenceMarks& marks;
  AwayUnits& units;
  TargetAddress target;
  std::optional<PortId> initiator_port_id;  // given by the user, else made from:
  std::uint64_t initiator_ext = 0;
};

}  // namespace srpi::session
