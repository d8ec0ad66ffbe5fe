// SPDX-License-Identifier: Apache-2.0
#include "srpi/version.hpp"

#include <catch2/catch.hpp>
#include <string>

TEST_CASE("the version at run time is that of the headers it was built with") {
  CHECK(std::string(srpi::version()) == std::to_string(SRPI_VERSION_MAJOR) + "." +
                                            std::to_string(SRPI_VERSION_MINOR) + "." +
                                            std::to_string(SRPI_VERSION_PATCH));
}
