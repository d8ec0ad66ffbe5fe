// SPDX-License-Identifier: Apache-2.0
// Helpers for code that must work when memory is short. An error's code decides what happens next; its text
// is for people and may be missing.
#pragma once

#include <new>
#include <string>
#include <utility>

#include "srpi/error.hpp"

namespace srpi::base {

// Returns the text that `make` makes, or an empty one if there is no memory.
template<class F>
[[nodiscard]] std::string words(F make) noexcept {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

[[nodiscard]] inline Error copy_of(const Error& error) noexcept {
  return {error.code, words([&] { return error.detail; })};
}

// Returns the error of a failed result. result::error() copies it and may throw std::bad_alloc.
template<class R>
[[nodiscard]] Error error_of(const R& failed) noexcept {
  try {
    return failed.error();
  } catch (const std::bad_alloc&) {
    return {Errc::no_memory, {}};
  }
}

// For functions of the public API. R is a Result. Returns no_memory if `work` throws std::bad_alloc.
template<class R, class F>
[[nodiscard]] R or_no_memory(F work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{Errc::no_memory, {}};
  }
}

}  // namespace srpi::base
