// SPDX-License-Identifier: Apache-2.0
// The keys and values of options in orders and reports.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "srpi/session_option_table.hpp"

namespace srp_nbd {

using srpi::OptionValue;

[[nodiscard]] boost::json::value to_json(const OptionValue&);
// Returns nullopt unless it is a text, whole number, boolean or list of whole numbers.
[[nodiscard]] std::optional<OptionValue> option_value(const boost::json::value&);
inline constexpr std::string_view kOptionValueForms =
    "a text, a whole number, true, false or a list of numbers";

struct Setting {
  std::string key;
  OptionValue value;
};

// As one JSON object.
struct Settings : std::vector<Setting> {
  static constexpr std::string_view kExpected = "an object of options";
  [[nodiscard]] boost::json::value to_json() const;
  [[nodiscard]] bool read_json(const boost::json::value&);
};

}  // namespace srp_nbd
