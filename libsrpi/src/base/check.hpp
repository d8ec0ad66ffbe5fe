// SPDX-License-Identifier: Apache-2.0
// SRPI_CHECK: an internal invariant, tested in every build. Never for what a peer or a caller sent.
#pragma once

namespace srpi::base {
[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;
}

#define SRPI_CHECK(expression)                   \
  (__builtin_expect(!!(expression), 1) ? void(0) \
                                       : ::srpi::base::check_failed(#expression, __FILE__, __LINE__))
