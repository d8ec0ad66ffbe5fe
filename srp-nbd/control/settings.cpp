// SPDX-License-Identifier: Apache-2.0
#include "control/settings.hpp"

#include <boost/json/array.hpp>

namespace srp_nbd {

namespace json = boost::json;

json::value to_json(const OptionValue& value) {
  return std::visit(
      [](const auto& v) -> json::value {
        if constexpr (std::is_same_v<decltype(v), const std::vector<std::int64_t>&>)
          return json::array(v.begin(), v.end());
        else
          return json::value(v);
      },
      value);
}

std::optional<OptionValue> option_value(const json::value& value) {
  if (const auto* text = value.if_string()) return OptionValue(std::string(text->data(), text->size()));
  if (const auto* boolean = value.if_bool()) return OptionValue(*boolean);
  if (const auto* number = value.if_int64()) return OptionValue(*number);
  const auto* list = value.if_array();
  if (!list) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const auto& element : *list) {
    const auto* number = element.if_int64();  // null if the number is not an int64
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return OptionValue(std::move(numbers));
}

json::value Settings::to_json() const {
  json::object object;
  for (const auto& [key, value] : *this) object[key] = srp_nbd::to_json(value);
  return object;
}

bool Settings::read_json(const json::value& from) {
  const auto* object = from.if_object();
  if (!object) return false;
  clear();
  for (const auto& [key, value] : *object)
    if (auto read = option_value(value)) push_back({std::string(key), std::move(*read)});
  return true;
}

}  // namespace srp_nbd
