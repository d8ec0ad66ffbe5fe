// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cerrno>

#include "frontend/nbd/serve.hpp"

using namespace srp_nbd;

TEST_CASE("every error of the library has an NBD error number") {
  CHECK(to_wire_error(srpi::Errc::ok) == 0);
  CHECK(to_wire_error(srpi::Errc::no_connect) == EIO);
  CHECK(to_wire_error(srpi::Errc::out_of_space) == ENOSPC);
}
