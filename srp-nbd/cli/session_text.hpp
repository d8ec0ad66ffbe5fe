// SPDX-License-Identifier: Apache-2.0
// Sessions as people read them, from the JSON that the daemon answers with.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace srp_nbd {

[[nodiscard]] std::string size_text(std::uint64_t bytes);      // "512.0 MiB"
[[nodiscard]] std::string duration_text(double milliseconds);  // "3.2 s", "47 s", "2 min 5 s", "1 h 3 min"
// One line a logical unit: "/dev/nbd0  lun 0  512.0 MiB  naa.6001…", or the URI to open it by.
[[nodiscard]] std::string units_text(const boost::json::object& session);
// The same of those that are away, with the reason; empty: none is.
[[nodiscard]] std::string away_units_text(const boost::json::object& session);
[[nodiscard]] std::string list_text(const boost::json::array& sessions);
[[nodiscard]] std::string show_text(const boost::json::object& session);
// The daemon's answer to "abort" or "reset", a line a unit; whether it is good news for every one.
[[nodiscard]] std::string unit_tasks_text(std::string_view command, const boost::json::object& answer);
[[nodiscard]] bool all_units_ok(const boost::json::object& answer);

}  // namespace srp_nbd
