// SPDX-License-Identifier: Apache-2.0
// The version of the library. While the first number is 0, a change of the second may break the interface (API and ABI).
#pragma once

#include "srpi/export.hpp"

// Of these headers, at compile time. The build reads the three numbers here.
#define SRPI_VERSION_MAJOR 0
#define SRPI_VERSION_MINOR 1
#define SRPI_VERSION_PATCH 0
// One number that grows, for #if: 1.2.3 is 1002003.
#define SRPI_VERSION (SRPI_VERSION_MAJOR * 1000000 + SRPI_VERSION_MINOR * 1000 + SRPI_VERSION_PATCH)

namespace srpi {

// Of the library that the program runs with: "0.1.0". With a shared library it may be later than the headers'.
[[nodiscard]] SRPI_EXPORT SRPI_EXPORT const char* version() noexcept;

}  // namespace srpi
