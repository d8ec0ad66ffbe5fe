// SPDX-License-Identifier: Apache-2.0
// An operator's abort or reset of one logical unit of a session or of all units, with an answer for each
// unit; and a rescan of a session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/orders.hpp"
#include "srpi/session.hpp"
#include "support/coroutine.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

enum class UnitFunction : std::uint8_t {
  abort,  // ends every request that was submitted before
  reset,  // LOGICAL UNIT RESET
};
[[nodiscard]] const char* to_string(UnitFunction) noexcept;

// Starts the function for this unit, or for all units, on the session's thread. A unit answers `home` from
// poll, disconnect or erase. The message of a unit's error says what did not happen and what to do. Errors:
// wrong_state (no units are known yet), no_such_lun.
using UnitAnswer = Answer<UnitTaskResult>;
using UnitAnswers = std::vector<UnitAnswer>;
[[nodiscard]] Outcome<UnitAnswers> run_unit_function(srpi::Session&, UnitFunction,
                                                     std::optional<std::uint64_t> lun,
                                                     const std::string& session_name, const Executor& home);

// Waits until every unit has answered. On `home`.
[[nodiscard]] awaitable<UnitTaskAnswer> all_of(std::string session_name, UnitAnswers);

// Starts a rescan on the session's thread. Its answer comes from a later poll, disconnect or erase. The message of an
// error says what did not happen and what to do.
[[nodiscard]] Answer<Outcome<>> run_rescan(srpi::Session&, const std::string& session_name,
                                           const Executor& home);

}  // namespace srp_nbd
