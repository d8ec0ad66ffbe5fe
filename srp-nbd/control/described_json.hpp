// SPDX-License-Identifier: Apache-2.0
// Converts structs to JSON and back by their description (Boost.Describe). A member's key is its name without
// a trailing '_'.
#pragma once

#include <fmt/format.h>

#include <boost/describe/members.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace srp_nbd {

// A member that is left out if it has no value. A std::optional without a value is written as null.
template<class T>
struct Maybe : std::optional<T> {
  using std::optional<T>::optional;
};

enum class Reading : std::uint8_t {
  // Of a client: unknown keys are errors, and so are missing ones, except a Maybe. The size of texts is limited.
  order,
  // Of a daemon, which may be older or newer: unknown keys are ignored. A key may be missing below the top level.
  answer,
};
constexpr std::size_t kMaxOrderText = 4096;

template<class T, template<class...> class Template>
inline constexpr bool kIsA = false;
template<template<class...> class Template, class... Args>
inline constexpr bool kIsA<Template<Args...>, Template> = true;

template<class T>
concept Described = boost::describe::has_describe_members<T>::value;
// A text that must satisfy T::is_valid; T::kExpected says in words what that is.
template<class T>
concept CheckedText = std::derived_from<T, std::string> && requires {
  T::is_valid(T::kExpected);
};

// Calls visit(key, pointer to the member) for each described member; members of bases come first.
template<Described T, class Visit>
void for_each_member(Visit visit) {
  using namespace boost::describe;
  boost::mp11::mp_for_each<describe_members<T, mod_public | mod_inherited>>([&](auto member) {
    std::string_view key = member.name;
    if (key.ends_with('_')) key.remove_suffix(1);
    visit(key, member.pointer);
  });
}

template<class T>
boost::json::value to_json(const T& value) {
  if constexpr (kIsA<T, std::optional>) {
    return value ? srp_nbd::to_json(*value) : boost::json::value(nullptr);
  } else if constexpr (kIsA<T, std::vector>) {
    boost::json::array array;
    for (const auto& element : value) array.push_back(srp_nbd::to_json(element));
    return array;
  } else if constexpr (Described<T>) {
    boost::json::object object;
    for_each_member<T>([&](std::string_view key, auto pointer) {
      const auto& member = value.*pointer;
      if constexpr (!kIsA<std::remove_cvref_t<decltype(member)>, Maybe>)
        object[key] = srp_nbd::to_json(member);
      else if (member)
        object[key] = srp_nbd::to_json(*member);
    });
    return object;
  } else {
    return boost::json::value(value);
  }
}

// Reads one document. `problem` names the wrong key and the expected value.
class JsonReader {
 public:
  explicit JsonReader(Reading reading) : reading_(reading) {}

  // Returns false if the document is wrong; then `to` is incomplete.
  template<class T>
  [[nodiscard]] bool read(const boost::json::value& from, T& to, const std::string& path = {}) {
    if constexpr (kIsA<T, std::optional> || kIsA<T, Maybe>) {
      if (kIsA<T, std::optional> && from.is_null()) return to.reset(), true;
      return read(from, to.emplace(), path);
    } else if constexpr (Described<T>) {
      if (const auto* object = from.if_object()) return read_members(*object, to, path);
    } else if constexpr (kIsA<T, std::vector>) {
      if (const auto* list = from.if_array()) return read_list(*list, to, path);
    } else {
      if (read_scalar(from, to)) return true;
    }
    return fail(path, fmt::format("expected {}", expected<T>()));
  }
  template<Described T>
  [[nodiscard]] bool read_members(const boost::json::object& from, T& to, const std::string& path = {}) {
    bool is_good = true;
    for_each_member<T>([&](std::string_view key, auto pointer) {
      using Member = std::remove_reference_t<decltype(to.*pointer)>;
      if (!is_good) return;
      if (const auto* value = from.if_contains(key))
        is_good = read(*value, to.*pointer, joined(path, key));
      else if (!kIsA<Member, Maybe> && (reading_ == Reading::order || path.empty()))
        is_good = fail("", fmt::format("{} is missing: expected {}", joined(path, key), expected<Member>()));
    });
    if (!is_good || reading_ == Reading::answer) return is_good;
    for (const auto& [key, value] : from)
      if (!is_key_of<T>(key))
        return fail(path, fmt::format("unknown key \"{}\"", std::string_view(key).substr(0, 64)));
    return true;
  }

  std::string problem;

 private:
  template<class T>
  static std::string_view expected() {
    if constexpr (CheckedText<T>) return T::kExpected;
    if constexpr (std::is_same_v<T, bool>) return "true or false";
    if constexpr (std::is_arithmetic_v<T>) return "a number";
    if constexpr (std::is_same_v<T, std::string>) return "a text";
    if constexpr (kIsA<T, std::vector>) return "a list";
    return "an object";
  }
  static std::string joined(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
  }
  bool fail(const std::string& path, std::string_view what) {
    problem = path.empty() ? std::string(what) : fmt::format("{}: {}", path, what);
    return false;
  }
  template<class T>
  static bool is_key_of(std::string_view key) {
    bool is_one = false;
    for_each_member<T>([&](std::string_view known, auto) { is_one |= known == key; });
    return is_one;
  }
  template<class T>
  bool read_list(const boost::json::array& from, std::vector<T>& to, const std::string& path) {
    to.clear();
    for (const auto& element : from) {
      const auto place = joined(path, std::to_string(to.size()));
      if (!read(element, to.emplace_back(), place)) return false;
    }
    return true;
  }
  template<class T>
  bool read_scalar(const boost::json::value& from, T& to) const {
    if constexpr (std::is_same_v<T, boost::json::object>) {
      return from.is_object() && (to = from.get_object(), true);
    } else if constexpr (std::is_same_v<T, bool>) {
      return from.is_bool() && (to = from.get_bool(), true);
    } else if constexpr (std::derived_from<T, std::string>) {
      if (!from.is_string() || (reading_ == Reading::order && from.get_string().size() > kMaxOrderText))
        return false;
      to.assign(from.get_string().data(), from.get_string().size());
      if constexpr (CheckedText<T>) return T::is_valid(to);
      return true;
    } else {
      boost::system::error_code error;
      to = from.to_number<T>(error);  // fails if the number is not exact or not in the type's range
      return !error;
    }
  }

  const Reading reading_;
};

}  // namespace srp_nbd
