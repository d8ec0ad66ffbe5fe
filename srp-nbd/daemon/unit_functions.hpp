// SPDX-License-Identifier: Apache-2.0
// An operator's abort or reset of one logical unit of a session or of all units, with an answer for each
// unit.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "control/orders.hpp"
#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

enum class UnitFunction : std::uint8_t {
  abort,  // ends every request that was submitted before
  reset,  // LOGICAL UNIT RESET
};
[[nodiscard]] const char* to_string(UnitFunction) noexcept;

struct UnitFunctionReport {
  struct Unit {
    std::uint64_t lun = 0;
    srpi::Errc status = srpi::Errc::ok;
  };
  std::vector<Unit> units;
  // The state at the time of the last answer, to explain a no_connect.
  srpi::SessionState state = srpi::SessionState::live;
  bool by_administrator = false;
};

// Starts the function for this unit, or for all units. `done` is called once, on the session's thread: during
// this call with a failure (wrong_state: no units are known yet; no_such_lun), or from poll, disconnect or
// erase when every unit has answered.
void run_unit_function(srpi::Session&, UnitFunction, std::optional<std::uint64_t> lun,
                       std::function<void(Outcome<UnitFunctionReport>)> done);

// The error's message says what did not happen and what to do.
[[nodiscard]] UnitTaskAnswer make_answer(UnitFunction, const std::string& session_name,
                                         const UnitFunctionReport&);

}  // namespace srp_nbd
