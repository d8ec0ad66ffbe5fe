// SPDX-License-Identifier: Apache-2.0
#include "wire/lun.hpp"

#include <fmt/format.h>

namespace srpi::wire {

std::string lun_to_string(std::uint64_t lun) {
  // A flat LUN below 256 would print like a different, peripheral one: only the customary form is a bare
  // number.
  if (const auto number = lun_number(lun); number && lun_from_number(*number) == lun)
    return fmt::format("{}", *number);
  return fmt::format("0x{:016x}", lun);
}

}  // namespace srpi::wire
