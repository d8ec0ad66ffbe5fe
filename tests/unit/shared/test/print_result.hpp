// SPDX-License-Identifier: Apache-2.0
// How Catch2 prints a Result whose value has no operator<<: "a value", or the error in words.
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
