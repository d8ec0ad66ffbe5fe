// SPDX-License-Identifier: Apache-2.0
#include "frontend/nbd/describe_export.hpp"

#include <catch2/catch.hpp>

using namespace srp_nbd;

TEST_CASE("every error of the library has an NBD error number") {
  CHECK(to_wire_error(srpi::Errc::ok) == nbd::WireError::ok);
  CHECK(to_wire_error(srpi::Errc::no_connect) == nbd::WireError::io);
  CHECK(to_wire_error(srpi::Errc::out_of_space) == nbd::WireError::no_space);
}
