// SPDX-License-Identifier: Apache-2.0
#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace srpi::base {

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "srpi: broken invariant: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace srpi::base
