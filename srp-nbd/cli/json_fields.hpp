// SPDX-License-Identifier: Apache-2.0
// Reading what a daemon answered. It may be of another version than this program: what is missing, or of
// another type, is empty, 0, false or nothing.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace srp_nbd {

[[nodiscard]] std::string text_at(const boost::json::object&, std::string_view key);
[[nodiscard]] std::uint64_t number_at(const boost::json::object&, std::string_view key);
[[nodiscard]] bool is_true_at(const boost::json::object&, std::string_view key);
[[nodiscard]] std::optional<double> real_at(const boost::json::object&, std::string_view key);
[[nodiscard]] const boost::json::object& object_at(const boost::json::object&, std::string_view key);
[[nodiscard]] const boost::json::array& array_at(const boost::json::object&, std::string_view key);

}  // namespace srp_nbd
