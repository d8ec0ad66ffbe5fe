// SPDX-License-Identifier: Apache-2.0
// Lets everything happen that can happen at one moment of a manual clock.
#pragma once

namespace srpi::test {

// Calls `turn` until it returns 0, for nothing to do, three times in a row. Ends in any case.
template<class Turn>
void settle(Turn turn) {
  for (int idle = 0, turns = 0; idle < 3 && turns < 100000; ++turns) idle = turn() > 0 ? 0 : idle + 1;
}

}  // namespace srpi::test
