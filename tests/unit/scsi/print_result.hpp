// SPDX-License-Identifier: Apache-2.0
// Lets Catch2 print a Result whose value has no operator<<: "a value" or the error's text.
#pragma once

#include <string>

#include "catch2/catch.hpp"
#include "srpi/error.hpp"

namespace Catch {
template<class T>
struct StringMaker<srpi::Result<T>> {
  static std::string convert(const srpi::Result<T>& result) {
    return result ? std::string{"a value"} : result.error().message();
  }
};
}  // namespace Catch
