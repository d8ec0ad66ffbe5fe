// SPDX-License-Identifier: Apache-2.0
// Shared by all logins of a session: the target, our initiator port and everything that stays the same.
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
  std::optional<PortId> initiator_port_id;  // from the user; otherwise it is made of:
  std::uint64_t initiator_ext = 0;
};

}  // namespace srpi::session
