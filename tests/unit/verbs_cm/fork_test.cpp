// SPDX-License-Identifier: Apache-2.0
// libibverbs is prepared for a process that forks.
#include <infiniband/verbs.h>

#include <catch2/catch.hpp>

#include "verbs/fabric.hpp"

namespace {

int preparations = 0;

}  // namespace

extern "C" int ibv_fork_init() {
  ++preparations;
  return 0;
}

TEST_CASE("libibverbs is prepared for fork once in a process, before a session can register memory") {
  const auto fabric = srpi::verbs::make_fabric();
  CHECK(preparations == 1);
  const auto another = srpi::verbs::make_fabric();
  CHECK(preparations == 1);
}
