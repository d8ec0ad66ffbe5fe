// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "srpi/target_address.hpp"

namespace srpi::sim {

[[nodiscard]] inline const TargetAddress& address() {
  static const TargetAddress kAddress =
      parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  return kAddress;
}

}  // namespace srpi::sim
