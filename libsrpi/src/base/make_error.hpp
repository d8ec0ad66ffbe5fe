// SPDX-License-Identifier: Apache-2.0
// Makes an error with a formatted text. If there is no memory for the text, the error has only its code.
#pragma once

#include <fmt/format.h>

#include <type_traits>

#include "base/no_memory.hpp"

namespace srpi::base {

// An argument of make_error in its printed form. For a function this is its result.
template<class T>
[[nodiscard]] decltype(auto) printed(const T& argument) {
  if constexpr (std::is_invocable_v<const T&>)
    return argument();
  else
    return (argument);
}
template<class T>
using Printed = std::remove_cvref_t<decltype(printed(std::declval<const T&>()))>;

// Example: make_error(Errc::busy, "{} of {} slots are in use", used, slots). The format is checked at compile
// time. Pass an argument whose construction allocates, such as a std::string, as a function that returns it:
// make_error handles std::bad_alloc only inside itself.
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
