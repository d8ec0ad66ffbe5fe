// SPDX-License-Identifier: Apache-2.0
// Sessions as people read them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/orders.hpp"
#include "control/session_view.hpp"

namespace srp_nbd {

// One line a logical unit: "/dev/nbd0  lun 0  512.0 MiB  naa.6001…", or the URI to open it by.
[[nodiscard]] std::string units_text(const SessionView&, std::string_view indent = "");
// The same of those that are away, with the reason; empty: none is.
[[nodiscard]] std::string away_units_text(const SessionView&);
[[nodiscard]] std::string list_text(const std::vector<SessionView>&);
[[nodiscard]] std::string show_text(const SessionView&);
// A line a unit. command: "abort" or "reset".
[[nodiscard]] std::string unit_tasks_text(std::string_view command, const UnitTaskAnswer&);

}  // namespace srp_nbd
