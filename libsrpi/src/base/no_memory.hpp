// SPDX-License-Identifier: Apache-2.0
// What has to get through although memory is short. An error's code decides what happens next, its words are
// for people: rather none of them than no error.
#pragma once

#include <new>
#include <string>
#include <utility>

#include "srpi/error.hpp"

namespace srpi::base {

// Whatever `make` returns as text; empty where it found no memory.
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

// The error of a result that has one. result::error() copies it.
template<class R>
[[nodiscard]] Error error_of(const R& failed) noexcept {
  try {
    return failed.error();
  } catch (const std::bad_alloc&) {
    return {Errc::no_memory, {}};
  }
}

// The border of the API: R is a Result. What `work` could not get the memory for is its error.
template<class R, class F>
[[nodiscard]] R or_no_memory(F work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Error{Errc::no_memory, {}};
  }
}

}  // namespace srpi::base
