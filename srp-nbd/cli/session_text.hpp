// SPDX-License-Identifier: Apache-2.0
// Texts about sessions for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/orders.hpp"
#include "control/reports.hpp"

namespace srp_nbd {

// One line per logical unit, with the device or the URI: "/dev/nbd0 lun 0 512.0 MiB naa.6001…".
[[nodiscard]] std::string units_text(const SessionView&, std::string_view indent = "");
// One line per unit that is away, with the reason.
[[nodiscard]] std::string away_units_text(const SessionView&);
// The units that a rescan has found, and what is wrong with others.
[[nodiscard]] std::string rescan_text(const RescanAnswer&);
[[nodiscard]] std::string list_text(const std::vector<SessionView>&);
[[nodiscard]] std::string show_text(const SessionView&);
// One line per unit. `command` is "abort" or "reset".
[[nodiscard]] std::string unit_tasks_text(std::string_view command, const UnitTaskAnswer&);

// "3.2 s", "47 s", "2 min 5 s", "1 h 3 min"
[[nodiscard]] std::string duration_text(double milliseconds);

}  // namespace srp_nbd
