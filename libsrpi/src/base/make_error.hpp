// SPDX-License-Identifier: Apache-2.0
// An error with formatted words, also where memory is short: the code always arrives, the words if there is
// memory.
#pragma once

#include <fmt/format.h>

#include <type_traits>

#include "base/no_memory.hpp"

namespace srpi::base {

// An argument of make_error as it is printed: a value is printed as it is, a function is called for its
// result.
template<class T>
[[nodiscard]] decltype(auto) printed(const T& argument) {
  if constexpr (std::is_invocable_v<const T&>)
    return argument();
  else
    return (argument);
}
template<class T>
using Printed = std::remove_cvref_t<decltype(printed(std::declval<const T&>()))>;

// make_error(Errc::busy, "{} of {} slots are in use", used, slots). The format is checked when this is
// compiled. An argument that takes memory to make, a std::string for instance, is passed as a function that
// makes it: only what happens within make_error is safe from std::bad_alloc.
template<class... Args>
[[nodiscard]] Error make_error(Errc code, fmt::format_string<Printed<Args>...> format,
                               const Args&... arguments) noexcept {
  return {code, words([&] {
            return [&](const auto&... values) {
              return fmt::vformat(format, fmt::make_format_args(values...));
            }(printed(arguments)...);
          })};
}

}  // namespace srpi::base
