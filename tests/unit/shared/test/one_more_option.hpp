// SPDX-License-Identifier: Apache-2.0
// The table of options as it is after somebody has described one more: what is made from the table has to show it.
#pragma once

#include <algorithm>

#include "control/option.hpp"

namespace srp_nbd {

// max_transfer_bytes, which the library has and programs do not offer.
inline const OptionTable& one_more_option() {
  static const auto table = [] {
    const auto of_library = srpi::session_option_table();
    std::vector<srpi::SessionOption> all(of_library.begin(), of_library.end());
    auto& one = *std::ranges::find(all, "max_transfer_bytes", &srpi::SessionOption::name);
    one.audience = srpi::SessionOption::Audience::programs;
    one.least_in_programs = one.least;
    return make_option_table(all);
  }();
  return table;
}

}  // namespace srp_nbd
