// SPDX-License-Identifier: Apache-2.0
// One event as people read it, from the JSON that the daemon sends.
#pragma once

#include <boost/json/object.hpp>
#include <string>

namespace srp_nbd {

// "2026-11-24T10:16:14.123Z  store  live -> disconnected: connection lost: …", without a line feed
[[nodiscard]] std::string event_text(const boost::json::object& event);

}  // namespace srp_nbd
