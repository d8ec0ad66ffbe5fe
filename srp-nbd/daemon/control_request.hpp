// SPDX-License-Identifier: Apache-2.0
// One line of the control socket, decoded: {"command":"connect","target":"ram://64M",…}.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/session_request.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

constexpr std::size_t kMaxControlLineBytes = 64 << 10;

struct ControlRequest {
  enum class Command { list, show, connect, disconnect, reconnect, erase, abort, reset, target, events };
  Command command = Command::list;
  std::string name;                  // all but list and connect; of events it may be empty: all sessions
  bool online = true;                // target
  std::optional<std::uint64_t> lun;  // abort, reset; unset: all of the session's
  SessionRequest session;            // connect
};

// Errors: bad_request (no JSON object, unknown command, missing or unknown key), invalid_argument (a key's value).
[[nodiscard]] Outcome<ControlRequest> parse_control_request(std::string_view line);

}  // namespace srp_nbd
