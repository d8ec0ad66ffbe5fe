// SPDX-License-Identifier: Apache-2.0
// SRPI_CHECK tests an internal invariant in every build. It is not for input from a peer or a caller: that
// returns an error.
#pragma once

namespace srpi::base {
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;
}

#define SRPI_CHECK(expression)                   \
  (__builtin_expect(!!(expression), 1) ? void(0) \
                                       : ::srpi::base::check_failed(#expression, __FILE__, __LINE__))
