// SPDX-License-Identifier: Apache-2.0
#include "wire/lun.hpp"

#include <fmt/format.h>

namespace srpi::wire {

std::string lun_to_string(std::uint64_t lun) {
  // A flat LUN below 256 must not print like the peripheral LUN of the same number. Only the customary form
  // prints as a number.
  if (const auto number = lun_number(lun); number && lun_from_number(*number) == lun)
    return fmt::format("{}", *number);
  return fmt::format("0x{:016x}", lun);
}

}  // namespace srpi::wire
