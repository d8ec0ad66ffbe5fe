// SPDX-License-Identifier: Apache-2.0
// The other end of the control socket: one order, one answer, or one order and what follows.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "support/failure.hpp"

namespace srp_nbd {

struct ControlCall {
  std::string path;
  boost::json::object order;
  // None: as long as the daemon lives. For orders that take as long as the session's own timers say.
  std::optional<std::chrono::milliseconds> deadline = std::chrono::seconds(30);
  std::string doing;  // said on standard error while it takes longer than two seconds; empty: nothing is
};

// The daemon's answer, whose "ok" is true. Errors: no_daemon, permission_denied, timed_out, bad_answer, and whatever
// the daemon answered with.
[[nodiscard]] Outcome<boost::json::object> call_daemon(const ControlCall&);

// After the daemon's answer, every line that it sends, until it ends or hangs up: the failure says why.
[[nodiscard]] Failure follow_daemon(const ControlCall&,
                                    const std::function<void(std::string_view line)>& on_line);

}  // namespace srp_nbd
