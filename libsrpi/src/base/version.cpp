// SPDX-License-Identifier: Apache-2.0
#include "srpi/version.hpp"

namespace srpi {

#define SRPI_TEXT_OF(number) #number
#define SRPI_DOTTED(major, minor, patch) SRPI_TEXT_OF(major) "." SRPI_TEXT_OF(minor) "." SRPI_TEXT_OF(patch)

const char* version() noexcept {
  return SRPI_DOTTED(SRPI_VERSION_MAJOR, SRPI_VERSION_MINOR, SRPI_VERSION_PATCH);
}

}  // namespace srpi
