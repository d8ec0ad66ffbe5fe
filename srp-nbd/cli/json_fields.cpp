// SPDX-License-Identifier: Apache-2.0
#include "cli/json_fields.hpp"

#include <boost/json/value.hpp>

namespace srp_nbd {
namespace {

const boost::json::value* find(const boost::json::object& object, std::string_view key) {
  return object.if_contains({key.data(), key.size()});
}

}  // namespace

std::string text_at(const boost::json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string{};
}

std::uint64_t number_at(const boost::json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (value && value->is_uint64()) return value->get_uint64();
  if (value && value->is_int64() && value->get_int64() > 0)
    return static_cast<std::uint64_t>(value->get_int64());
  return 0;
}

bool is_true_at(const boost::json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  return value && value->is_bool() && value->get_bool();
}

std::optional<double> real_at(const boost::json::object& object, std::string_view key) {
  const auto* value = find(object, key);
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

const boost::json::object& object_at(const boost::json::object& object, std::string_view key) {
  static const boost::json::object empty;
  const auto* value = find(object, key);
  return value && value->is_object() ? value->get_object() : empty;
}

const boost::json::array& array_at(const boost::json::object& object, std::string_view key) {
  static const boost::json::array empty;
  const auto* value = find(object, key);
  return value && value->is_array() ? value->get_array() : empty;
}

}  // namespace srp_nbd
